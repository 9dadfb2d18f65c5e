"""Job 3: part files into one archive."""
