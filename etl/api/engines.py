"""The API's connections to the database: as a role that can only read, where there is one."""

from __future__ import annotations

from sqlalchemy import Engine

from etl.api.limits import AT_ONCE
from etl.database import make_engine, read_url
from etl.errors import ConfigurationError, ServiceUnavailable
from etl.settings import Settings

_APPLICATION = "api"
_WRITE_SECONDS = 5.0


def reading_engine(settings: Settings) -> Engine:
    """An engine whose connections can only read, enough for all requests that are answered at once.

    :raises ServiceUnavailable: no database is set, and the embedded one is not running.
    """
    given = settings.api_database_url
    try:
        url = read_url(given.get_secret_value()) if given else None
    except ConfigurationError as error:
        cause, remedy = (text.replace("ETL_", "ETL_API_", 1) for text in (error.cause, error.remedy))
        raise ConfigurationError(cause, remedy=remedy) from None
    return make_engine(
        settings,
        application=_APPLICATION,
        statement_seconds=settings.api_statement_seconds,
        url=url,
        connections=AT_ONCE,
        is_read_only=True,
    )


def writing_engine(settings: Settings) -> Engine | None:
    """An engine of the loader's role, to write down when a token was used; None where only the reader's role is known."""
    try:
        settings.database()
    except ServiceUnavailable:
        return None
    return make_engine(settings, application=_APPLICATION, statement_seconds=_WRITE_SECONDS, connections=1)
