"""What a database of SQL Server lacks although it answers: version, settings, rights. For `doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from etl.database.sqlserver.reader_login import SCHEMA
from etl.errors import ConfigurationError

Finding = tuple[str, str]
"""What was found, and the remedy."""

OLDEST_VERSION, OLDEST_LEVEL = 13, 130
SNAPSHOT_IS_OFF = "READ_COMMITTED_SNAPSHOT is off: dashboards and loads of other feeds wait while a load goes on."
SNAPSHOT_REMEDY = "ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE, while nobody works."
_BOXED = {1, 2, 3, 4}
"""Editions whose version number counts; Azure's are always up to date, and report version 12."""

ABOUT = (
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,\n"
    "    CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition,\n"
    "    compatibility_level, is_read_committed_snapshot_on,\n"
    "    HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE') AS may_create, SCHEMA_NAME() AS default_schema\n"
    "FROM sys.databases\n"
    "WHERE name = DB_NAME()"
)
SNAPSHOT = "SELECT is_read_committed_snapshot_on\nFROM sys.databases\nWHERE name = DB_NAME()"
RIGHTS = (
    "SELECT wanted.name, wanted.permission, HAS_PERMS_BY_NAME(wanted.name, 'OBJECT', wanted.permission) AS granted\n"
    "FROM (VALUES ('etl_log', 'SELECT'), ('etl_log', 'INSERT'), ('etl_log', 'UPDATE'), ('etl_file', 'INSERT'),\n"
    "    ('etl_file', 'UPDATE'), ('etl_rejected_row', 'INSERT'), ('etl_rejected_row', 'DELETE'), ('etl_source', 'INSERT'),\n"
    "    ('etl_quality', 'DELETE'), ('etl_anomaly', 'DELETE')) AS wanted (name, permission)"
)


def findings(connection: Connection) -> list[Finding]:
    """Ask a database what it lacks."""
    version, edition, level, snapshot, may_create, schema = connection.exec_driver_sql(ABOUT).one()
    rights = [(str(name), str(right), granted) for name, right, granted in connection.exec_driver_sql(RIGHTS)]
    return [
        *_of_server(str(version), int(edition), int(level)),
        *_of_schema(schema),
        *_of_snapshot(snapshot),
        *_of_rights(rights, may_create=bool(may_create)),
    ]


def warnings(connection: Connection) -> list[Finding]:
    """Ask a database what makes its sessions wait for each other."""
    return [*_of_snapshot(connection.exec_driver_sql(SNAPSHOT).scalar())]


def require_schema(schema: str | None) -> None:
    """Refuse a user whose tables would be created in another schema.

    :raises ConfigurationError: says how to change it.
    """
    for cause, remedy in _of_schema(schema):
        raise ConfigurationError(cause, remedy=remedy)


def _of_schema(schema: str | None) -> Iterator[Finding]:
    """A member of a Windows group may have none; its tables are created in dbo."""
    if schema not in (None, SCHEMA):
        yield (
            f"The user's default schema is {schema}; the tables belong in {SCHEMA}.",
            f"ALTER USER … WITH DEFAULT_SCHEMA = {SCHEMA}, as an administrator.",
        )


def _of_snapshot(is_on: object) -> Iterator[Finding]:
    """A server that only resembles SQL Server may report NULL, and then does not need the setting."""
    if is_on is not None and not is_on:
        yield SNAPSHOT_IS_OFF, SNAPSHOT_REMEDY


def _of_server(version: str, edition: int, level: int) -> Iterator[Finding]:
    if edition in _BOXED and int(version.partition(".")[0]) < OLDEST_VERSION:
        yield f"SQL Server {version} is too old.", "Use SQL Server 2016 or a newer one."
    if level < OLDEST_LEVEL:
        yield (
            f"The database has compatibility level {level}.",
            f"ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = {OLDEST_LEVEL}, or a newer one.",
        )


def _of_rights(rights: Iterable[Sequence[object]], *, may_create: bool) -> Iterator[Finding]:
    """A right is 1 or 0; it is NULL for a table that is missing, or hidden from the user."""
    known_rights = list(rights)
    if any(granted is None for *_, granted in known_rights):
        if not may_create:
            yield (
                "The audit tables are not there, or this user may not see them, and it may not create tables.",
                "Run `python -m etl init` as a user who may; docs/security.md has the rights of each role.",
            )
    elif missing := [f"{right} on {name}" for name, right, granted in known_rights if not granted]:
        yield (
            f"The user lacks the right to {', '.join(missing)}.",
            "GRANT it; docs/security.md has the rights of each role.",
        )
