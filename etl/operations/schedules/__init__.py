"""Schedules of `run --every`: when cycles are due, running them, and noticing that a schedule does not run any more."""
