"""The audit tables brought up to date, and whether they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from etl.database import dispose, make_engine, product_of, transaction
from etl.database.schema.schema_lock import lock_schema
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.settings.packaged import packaged

if TYPE_CHECKING:
    from alembic.config import Config


def migrate(engine: Engine) -> bool:
    """Bring the audit tables to the newest version; True when something was changed. Safe to call at any time."""
    from alembic import command

    with transaction(engine) as connection:
        product_of(connection.dialect).require_fit(connection)
        if _is_current(connection):
            return False
        lock_schema(connection)
        if _is_current(connection):
            return False
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def require_current(connection: Connection) -> None:
    """Refuse a database whose audit tables are not those of this version.

    :raises ConfigurationError: they are missing, older or newer, or this user's session would not find them.
    """
    product_of(connection.dialect).require_fit(connection)
    if not _is_current(connection):
        raise ConfigurationError(
            "The audit tables of the database are missing or of another version.", remedy="Run `python -m etl init`."
        )


@contextmanager
def connected(settings: Settings, application: str) -> Iterator[Connection]:
    """One short transaction on its own engine, for look-ups and decisions on rows.

    :param application: what the server's list of sessions shows.
    :raises ConfigurationError: the audit tables are missing, older or newer.
    """
    engine = make_engine(settings, application=application)
    try:
        with transaction(engine) as connection:
            require_current(connection)
            yield connection
    finally:
        dispose(engine)


def newest_migration() -> str:
    """The revision that a database has when it is up to date."""
    (head,) = _heads()
    return head


def _alembic() -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic's configuration would read a percent sign in the path as the start of a placeholder.
    config.set_main_option("script_location", str(packaged("sql", "migrations")).replace("%", "%%"))
    return config


@cache
def _heads() -> frozenset[str]:
    """The newest version that this code knows. Read once: a long-running process keeps the version it began with."""
    from alembic.script import ScriptDirectory

    return frozenset(ScriptDirectory.from_config(_alembic()).get_heads())


def _is_current(connection: Connection) -> bool:
    from alembic.runtime.migration import MigrationContext

    return set(MigrationContext.configure(connection).get_current_heads()) == _heads()
