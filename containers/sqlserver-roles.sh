#!/bin/sh
# Run at each start of the profile sqlserver, in the image of SQL Server: database and logins of compose.yaml, where missing.
set -eu
secrets=${SECRETS:-/run/secrets}

password_in() { # FILE, with a URL
    found=$(sed -n 's#^[a-z+]*://[^:@/]*:\([^@]*\)@.*#\1#p' "$secrets/$1")
    case $found in
        '' | *[!A-Za-z0-9._~-]*) echo "Error: $1 has no password of letters and digits. Remedy: containers/secrets.sh makes one." >&2; exit 1 ;;
    esac
    echo "$found"
}

loader=$(password_in loader_url)
reader=$(password_in reader_url)
SQLCMDPASSWORD=$(cat "$secrets/sa_password")
export SQLCMDPASSWORD
# -b: an error ends it. The statements come from standard input: arguments can be seen by other processes.
/opt/mssql-tools18/bin/sqlcmd -b -C -S sqlserver -U sa << SQL
IF DB_ID('iot') IS NULL CREATE DATABASE iot;
GO
IF (SELECT is_read_committed_snapshot_on FROM sys.databases WHERE name = 'iot') = 0
    ALTER DATABASE iot SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE;
GO
IF SUSER_ID('etl') IS NULL CREATE LOGIN etl WITH PASSWORD = '$loader';
IF SUSER_ID('etl_reader') IS NULL CREATE LOGIN etl_reader WITH PASSWORD = '$reader';
GO
USE iot;
GO
IF USER_ID('etl') IS NULL CREATE USER etl FOR LOGIN etl;
IF USER_ID('etl_reader') IS NULL CREATE USER etl_reader FOR LOGIN etl_reader;
GRANT CREATE TABLE, CREATE VIEW TO etl;
GRANT ALTER, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON SCHEMA::dbo TO etl;
GRANT SELECT ON SCHEMA::dbo TO etl_reader;
GO
SQL
