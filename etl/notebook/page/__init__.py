"""Executed notebooks as pages that a browser shows."""
