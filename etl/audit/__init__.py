"""A job's life: its row in `etl_log`, its heartbeat, retries, what is kept while the database is unavailable, and the ledger."""
