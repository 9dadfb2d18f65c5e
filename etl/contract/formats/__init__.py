"""How a source writes its records, one module per format."""
