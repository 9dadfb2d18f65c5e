#!/bin/sh
# Run once by the image of PostgreSQL, in an empty volume: the roles of compose.yaml with the passwords of their URLs.
#   etl         owns the tables, and loads
#   etl_reader  reads them: API, dashboards
#   superset    owns the database of Superset's metadata
set -eu
secrets=${SECRETS:-/run/secrets}

password_in() { # FILE, with a URL; what has no letters and digits only would need decoding
    found=$(sed -n 's#^[a-z+]*://[^:@/]*:\([^@]*\)@.*#\1#p' "$secrets/$1")
    case $found in
        '' | *[!A-Za-z0-9._~-]*) echo "Error: $1 has no password of letters and digits. Remedy: containers/secrets.sh makes one." >&2; exit 1 ;;
    esac
    echo "$found"
}

loader=$(password_in loader_url)
reader=$(password_in reader_url)
superset=$(password_in metadata_url)
# The statements come from standard input: arguments can be seen by other processes.
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" << SQL
-- A failing statement must not bring a password into the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE etl LOGIN PASSWORD '$loader';
CREATE ROLE etl_reader LOGIN PASSWORD '$reader';
CREATE ROLE superset LOGIN PASSWORD '$superset';
ALTER DATABASE "$POSTGRES_DB" OWNER TO etl;
ALTER SCHEMA public OWNER TO etl;
REVOKE ALL ON DATABASE "$POSTGRES_DB" FROM PUBLIC;
GRANT CONNECT ON DATABASE "$POSTGRES_DB" TO etl_reader;
GRANT USAGE ON SCHEMA public TO etl_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE etl IN SCHEMA public GRANT SELECT ON TABLES TO etl_reader;
ALTER ROLE etl_reader SET default_transaction_read_only = on;
CREATE DATABASE superset OWNER superset;
REVOKE ALL ON DATABASE superset FROM PUBLIC;
SQL
