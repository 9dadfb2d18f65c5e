"""CSV files of any program: their dialect, by the evidence of all lines of a sample."""
