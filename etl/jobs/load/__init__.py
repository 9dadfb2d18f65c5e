"""Job 4: archives into the database, row by row checked."""
