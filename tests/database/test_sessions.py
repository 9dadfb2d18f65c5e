"""A transaction is committed as a whole, or an error says that it was not: also where the server ended it by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert
from sqlalchemy.exc import DBAPIError

from etl.database import dispose, insert_rows, lock_feed, make_engine, transaction, try_lock_feed
from etl.errors import AlreadyRunning, ServiceUnavailable
from tests.support.stack import Project

TABLE = Table("t", MetaData(), Column("a", Integer), Column("b", Integer))


@pytest.fixture
def engine(project: Project) -> Iterator[Engine]:
    found = make_engine(project.settings)
    with transaction(found) as connection:
        TABLE.create(connection)
    yield found
    dispose(found)


def test_what_is_done_under_a_lock_is_committed_and_the_lock_let_go(project: Project, engine: Engine) -> None:
    for a in (1, 2):
        with transaction(engine) as connection:
            lock_feed(connection, "one")
            assert try_lock_feed(connection, "two")
            insert_rows(connection, TABLE, [{"a": a, "b": None}])
    assert project.sql("SELECT a, b FROM t ORDER BY a") == [(1, None), (2, None)]


def test_a_lock_that_another_session_holds_is_refused(engine: Engine) -> None:
    with transaction(engine) as one, transaction(engine) as other:
        lock_feed(one, "feed")
        assert not try_lock_feed(other, "feed")
        assert try_lock_feed(other, "another")
        with pytest.raises(AlreadyRunning):
            lock_feed(other, "feed")


def test_a_transaction_that_was_ended_beneath_the_loader_is_not_committed_in_part(
    project: Project, engine: Engine
) -> None:
    ended = pytest.raises(ServiceUnavailable, match="ended the transaction by itself")
    with ended, transaction(engine) as connection:
        lock_feed(connection, "feed")
        connection.execute(insert(TABLE).values(a=1))
        # What a server does by itself after some errors; the next statement begins another transaction.
        connection.exec_driver_sql("ROLLBACK")
        connection.execute(insert(TABLE).values(a=2))
    assert project.value("SELECT count(*) FROM t") == 0


@pytest.mark.postgresql
def test_a_transaction_in_which_an_error_was_overlooked_is_not_taken_for_committed(
    project: Project, engine: Engine
) -> None:
    ended = pytest.raises(ServiceUnavailable, match="ended the transaction by itself")
    with ended, transaction(engine) as connection:
        lock_feed(connection, "feed")
        connection.execute(insert(TABLE).values(a=1))
        with suppress(DBAPIError):
            connection.exec_driver_sql("SELECT 1 / 0")
    assert project.value("SELECT count(*) FROM t") == 0


@pytest.mark.postgresql
def test_a_connection_that_breaks_is_reported_as_such_also_by_statements_after_it(
    project: Project, engine: Engine
) -> None:
    broken = pytest.raises(ServiceUnavailable, match="broke off the connection")
    with broken, transaction(engine) as connection:
        me = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        project.sql(f"SELECT pg_terminate_backend({me})")
        with suppress(DBAPIError):
            connection.exec_driver_sql("SELECT 1")
        connection.exec_driver_sql("SELECT 1")
