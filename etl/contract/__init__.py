"""What a feed promises: its contract as a file (`feeds/`), read, checked, and drafted from a sample."""
