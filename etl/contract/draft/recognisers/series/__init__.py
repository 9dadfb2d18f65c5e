"""Points of time series databases and their agents."""
