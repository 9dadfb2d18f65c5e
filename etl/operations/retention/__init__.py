"""Compressing, moving and deleting what is old and loaded."""
