"""A contract compared with the tables that are there: columns, key and indexes, windows, views."""
