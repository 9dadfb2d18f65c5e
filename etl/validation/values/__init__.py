"""The values of one column: read as its type, and checked against its rules."""
