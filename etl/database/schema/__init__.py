"""The tables and views: those of the audit log, those of each feed, windows, and how they change."""
