"""What Java sees differently from Python: patterns and texts."""
