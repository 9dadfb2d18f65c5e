"""Measurements that are too long, or too much of a comparison, to be tests."""
