"""Rejected rows and files that were set aside: listed, replayed, retried or discarded."""
