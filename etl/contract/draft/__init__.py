"""Drafting a contract from a sample of messages or a file."""
