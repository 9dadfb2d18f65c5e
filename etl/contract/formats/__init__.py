"""How a source writes its records, one module a format."""
