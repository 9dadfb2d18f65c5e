#!/bin/sh
# Makes the passwords and URLs of compose.yaml, one a file, in the folder secrets/ beside it. Files that exist stay.
#   sh containers/secrets.sh [postgresql|sqlserver]
# Nobody else on this machine can enter the folder. In it the files can be read by all, because the users in the containers,
# who have other numbers than you, get each of them as it is.
set -eu
product=${1:-postgresql}
case $product in
    postgresql) scheme=postgresql at=postgresql:5432 ;;
    sqlserver) scheme=mssql+pyodbc at=sqlserver:1433 ;;
    *) echo "Error: $product is no database of compose.yaml. Remedy: give postgresql or sqlserver." >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
chmod 700 secrets

password() { # with letters and digits of each kind, as databases demand
    printf '%s1aA' "$(head -c 48 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')"
}

keep() { # NAME VALUE
    if [ -e "secrets/$1" ]; then
        echo "secrets/$1 stays"
        return
    fi
    printf '%s\n' "$2" > "secrets/$1.new"
    chmod 444 "secrets/$1.new"
    mv "secrets/$1.new" "secrets/$1"
    echo "secrets/$1 is new"
}

keep postgres_password "$(password)"
keep sa_password "$(password)"
keep admin_password "$(password)"
keep loader_url "$scheme://etl:$(password)@$at/iot"
keep reader_url "$scheme://etl_reader:$(password)@$at/iot"
keep metadata_url "postgresql://superset:$(password)@postgresql:5432/superset"
