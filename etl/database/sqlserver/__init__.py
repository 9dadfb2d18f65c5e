"""SQL Server and Azure SQL: drivers, connections, rows in bulk, DDL, limits."""
