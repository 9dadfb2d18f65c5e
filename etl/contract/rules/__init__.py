"""Rules that a contract sets for a feed as a whole."""
