"""A job's life: its row in `etl_log`, signs of life, retries, and what is kept while the database is away."""
