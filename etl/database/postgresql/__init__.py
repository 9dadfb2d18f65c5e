"""PostgreSQL: connections, rows in bulk, DDL."""
