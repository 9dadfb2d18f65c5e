"""The kinds of source that a feed's readings can come from, one module each."""
