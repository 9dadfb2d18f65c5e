"""What follows from loaded rows: windows, quality, lateness, anomalies."""
