"""A user of SQL Server that may only read: what it may do, and how it is made where that is allowed."""

from __future__ import annotations

from sqlalchemy import Connection

from etl.database.product import Rights

SCHEMA = "dbo"
READER_SQL = (
    "CREATE LOGIN etl_reader WITH PASSWORD = '…'; CREATE USER etl_reader FOR LOGIN etl_reader;"
    f" GRANT SELECT ON SCHEMA::{SCHEMA} TO etl_reader;"
)
_AZURE_SQL = 5
"""EngineEdition of a database that has its users in itself: logins are made in `master` there."""

RIGHTS = (
    "SELECT HAS_PERMS_BY_NAME(?, 'OBJECT', 'SELECT') AS may_read,\n"
    "    HAS_PERMS_BY_NAME(?, 'OBJECT', 'INSERT') AS may_insert,\n"
    "    HAS_PERMS_BY_NAME(?, 'OBJECT', 'UPDATE') AS may_update,\n"
    "    HAS_PERMS_BY_NAME(?, 'OBJECT', 'DELETE') AS may_delete"
)
ABOUT = (
    "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition,\n"
    "    HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS may_make_logins,\n"
    "    HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY USER') AS may_make_users,\n"
    f"    HAS_PERMS_BY_NAME('{SCHEMA}', 'SCHEMA', 'CONTROL') AS may_grant,\n"
    "    SUSER_ID(?) AS known_login,\n"
    "    DATABASE_PRINCIPAL_ID(?) AS known_user"
)
# These statements take no parameters for name and password, so the text is put together in the server: no text that a client,
# its log or a traceback shows contains the password.
_RUN = (
    "DECLARE @name sysname = ?, @password nvarchar(128) = ?;\n"
    "DECLARE @text nvarchar(max) = N'CREATE {kind} ' + QUOTENAME(@name) + N' WITH PASSWORD = ' + QUOTENAME(@password, '''');\n"
    "EXEC sp_executesql @text;"
)
MAKE_LOGIN = _RUN.format(kind="LOGIN")
MAKE_CONTAINED_USER = _RUN.format(kind="USER")
MAKE_USER = "CREATE USER {name} FOR LOGIN {name}"
GRANT = f"GRANT SELECT ON SCHEMA::{SCHEMA} TO {{name}}"


def rights_on(connection: Connection, table: str) -> Rights | None:
    """What the connection's user may do with a table; None where it is missing, or hidden from the user."""
    read, *write = connection.exec_driver_sql(RIGHTS, (f"{SCHEMA}.{table}",) * 4).one()
    return None if read is None else Rights(read=bool(read), write=any(write))


def make(connection: Connection, name: str, password: str) -> bool:
    """Make a login and its user, or in Azure SQL a user with a password, that may read our schema.

    False where the connection's user lacks a right to do so, or where there is one of this name: it may belong to somebody.
    All is done in the connection's transaction, so that nothing is left half done.
    """
    edition, logins, users, grant, *existing_ids = connection.exec_driver_sql(ABOUT, (name, name)).one()
    contained = edition == _AZURE_SQL
    if any(existing_id is not None for existing_id in existing_ids) or not (users and grant and (logins or contained)):
        return False
    quoted = connection.dialect.identifier_preparer.quote_identifier(name)
    connection.exec_driver_sql(MAKE_CONTAINED_USER if contained else MAKE_LOGIN, (name, password))
    if not contained:
        connection.exec_driver_sql(MAKE_USER.format(name=quoted))
    connection.exec_driver_sql(GRANT.format(name=quoted))
    return True
