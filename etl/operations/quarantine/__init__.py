"""Rejected rows and files that were set aside: looked at, replayed, tried again, or discarded."""
