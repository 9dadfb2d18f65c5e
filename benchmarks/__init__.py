"""Measurements that take too long for tests, or compare the project with alternatives."""
