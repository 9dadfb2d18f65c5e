"""Metrics for Prometheus, read from the audit tables: a restart loses no count, and needs nothing to be scraped meanwhile."""
