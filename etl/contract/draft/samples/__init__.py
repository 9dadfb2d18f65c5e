"""Reading samples of readings: what format they are in, by their content, and their records."""
