"""Files that other programs wrote, one module a format: their records in columns, or kept as their own texts."""
