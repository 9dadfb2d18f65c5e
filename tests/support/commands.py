"""Every job and command that speaks to the database, one after the other, on one feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, Engine, event

from etl.contract.reader import Contract
from etl.database import dispose, make_engine, transaction
from etl.database.schema.comparison.compare import compare
from etl.database.schema.feed_table import with_added_columns
from etl.jobs.load.job import Loaded
from etl.jobs.load.tables import ensure_feeds
from etl.notebook import queries as reading
from etl.operations import explain, history, status
from etl.operations.quarantine import rows as quarantine
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.retention import prune
from etl.operations.retention.policy import Policy
from etl.operations.undo import undo
from etl.settings import Settings

Readings = Sequence[Mapping[str, str | None]]


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is said to databases meanwhile, by SQLAlchemy."""
    said: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    yield said
    event.remove(Engine, "before_cursor_execute", listen)


def run_all(
    settings: Settings, contract: Contract, load: Callable[[Contract, Readings], Loaded], readings: Readings
) -> None:
    """Load, look, correct, tidy up and undo.

    :param load: has readings loaded under a contract.
    :param readings: in the order of time; the first of them are late when they come last.
    """
    _asked(settings, lambda connection: ensure_feeds(connection, [contract]))
    late, soon, rest = readings[:2], readings[2:4], readings[4:]
    time, measure = contract.event_time.column, next(c.name for c in contract.columns if c.type == "double")
    first = load(contract, [*rest, {**rest[0], measure: "broken"}, {**rest[1], time: "never"}])
    assert first.counts.processed > 0
    load(contract, soon)
    again = load(replace(contract, on_conflict="keepLast"), [*late, {**rest[0], measure: "1"}])
    assert again.counts.conflicting == 1
    _look(settings, contract, first.cycle_id)
    replay(settings, contract, Selection(feed=contract.feed, column=measure), changes={measure: "1"}, dry_run=True)
    replayed = replay(settings, contract, Selection(feed=contract.feed, column=measure), changes={measure: "1"})
    quarantine.discard(settings, Selection(cycle_id=first.cycle_id, reason="bad_time"), "broken")
    for cycle in (replayed.cycle_id, again.cycle_id):
        assert cycle
        undo(settings, contract, cycle)
    prune.prune(settings, {contract.feed: contract}, Policy(timedelta(0), timedelta(0)), dry_run=True)


def _look(settings: Settings, contract: Contract, cycle: str) -> None:
    explain.explain(settings, cycle)
    history.history(settings, feed=contract.feed, failed=True)
    status.status(settings, {contract.feed: contract})
    explored = reading.explore(settings, contract, since="7d")
    reading.export(settings, explored, "readings.csv")
    reading.health(settings, feed=contract.feed)
    rows = quarantine.find(settings, Selection(feed=contract.feed, cycle_id=cycle, reason="bad_time"))
    quarantine.feeds_of(settings, Selection(tuple(row["rejected_id"] for row in rows)))
    quarantine.summary(settings, Selection(feed=contract.feed))
    _asked(settings, lambda connection: compare(connection, with_added_columns(connection, contract)))


def _asked(settings: Settings, ask: Callable[[Connection], object]) -> None:
    engine = make_engine(settings, application="test")
    try:
        with transaction(engine) as connection:
            ask(connection)
    finally:
        dispose(engine)
