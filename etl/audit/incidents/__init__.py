"""Incidents: what went wrong with a feed, from the job that shows it to the job that shows that it is over."""
