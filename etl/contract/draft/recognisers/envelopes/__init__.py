"""Envelopes around readings of any kind."""
