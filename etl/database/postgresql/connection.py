"""A connection to PostgreSQL that never waits without end.

libpq bounds the time to connect, and the system notices a peer that is gone. Neither helps against a server that
acknowledges every packet and answers none: a stopped process, a frozen disk, a proxy that lost its other end.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait
from sqlalchemy import Connection

from etl.errors import ConfigurationError

Result = TypeVar("Result")


class ServerSilent(psycopg.OperationalError):
    """The server sent nothing for longer than allowed; the connection was closed."""


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself when the server neither answers nor takes data for `patience_seconds`.

    What counts is silence, not duration: a COPY that moves on may take as long as it likes.
    """

    patience_seconds = float("inf")

    def wait(self, gen: PQGen[Result], *arguments: Any, **options: Any) -> Result:
        """Every exchange with the server after the connect comes through here."""
        try:
            wanted = next(gen)
        except StopIteration as end:
            # A row of COPY that has already come, as most have: waiting would take longer than the row.
            come: Result = end.value
            return come
        try:
            return super().wait(_bounded(gen, wanted, self.patience_seconds), *arguments, **options)
        except ServerSilent:
            self.close()
            raise


def _bounded(gen: PQGen[Result], wanted: Wait, seconds: float) -> PQGen[Result]:
    """The rest of an exchange that waits for `wanted`, ended by `ServerSilent` when nothing was ready for `seconds`.

    psycopg sends `Ready.NONE` every tenth of a second in which nothing is.
    """
    heard = time.monotonic()
    try:
        while True:
            ready = yield wanted
            if ready != Ready.NONE:
                heard = time.monotonic()
            elif time.monotonic() - heard > seconds:
                raise ServerSilent(f"no answer for {seconds:.0f} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: Result = end.value
        return result


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under SQLAlchemy's."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise ConfigurationError(f"Not a psycopg connection: {type(driver).__name__}.")
    return driver
