"""Rejected rows: list them, or discard them with a note. `etl.operations.quarantine.replay` validates them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, cast, func, select, update

from etl.database import text_of
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log, etl_rejected_row, etl_source
from etl.errors import ConfigurationError, NotFound
from etl.settings import Settings

QUARANTINED, REPLAYED, DISCARDED = "QUARANTINED", "REPLAYED", "DISCARDED"
REPLAY_SUFFIX = "-replay"
REPLAYED_ROWS = "replayed_rows"
"""Key in the notes of a replay: the number of quarantined rows that it loaded, each with all its readings."""
_row = etl_rejected_row.c


@dataclass(frozen=True)
class Selection:
    """A filter for rejected rows; a field that is None or empty does not restrict."""

    ids: tuple[int, ...] = ()
    feed: str | None = None
    reason: str | None = None
    cycle_id: str | None = None
    column: str | None = None
    status: str | None = QUARANTINED

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as conditions on `etl_rejected_row`."""
        conditions: list[ColumnElement[bool]] = []
        if self.ids:
            conditions.append(_row.rejected_id.in_(self.ids))
        if self.feed:
            conditions.append(_row.feed == self.feed)
        if self.reason:
            conditions.append(_row.reason == self.reason)
        if self.status:
            conditions.append(_row.status == self.status)
        if self.cycle_id:
            conditions.append(_row.log_id.in_(select(etl_log.c.log_id).where(etl_log.c.cycle_id == self.cycle_id)))
        if self.column:
            conditions.append(
                cast(_row.problems, text_of(None)).contains(f'"column": {json.dumps(self.column)},', autoescape=True)
            )
        return conditions


def find(settings: Settings, selection: Selection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Rejected rows, newest first, with the name of their source and their cycle."""
    with connected(settings, "quarantine") as connection:
        return selected(connection, selection, limit=limit)


def selected(connection: Connection, selection: Selection, *, limit: int) -> list[dict[str, Any]]:
    """What `find` returns."""
    query = (
        select(etl_rejected_row, etl_source.c.name.label("source_name"), etl_log.c.cycle_id)
        .join(etl_source, etl_source.c.source_id == _row.source_id)
        .join(etl_log, etl_log.c.log_id == _row.log_id, isouter=True)
        .where(*selection.conditions())
        .order_by(_row.rejected_id.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def feeds_of(settings: Settings, selection: Selection) -> list[str]:
    """The feeds of the rows that are selected by number.

    :raises ConfigurationError: there is no such row (`NotFound`), or it belongs to another feed than the selected one.
    """
    query = select(_row.rejected_id, _row.feed).where(_row.rejected_id.in_(selection.ids))
    with connected(settings, "quarantine") as connection:
        feeds = {number: str(feed) for number, feed in connection.execute(query)}
    for number in selection.ids:
        if number not in feeds:
            raise _missing(number)
        if selection.feed not in (None, feeds[number]):
            raise ConfigurationError(
                f"Rejected row {number} belongs to feed {feeds[number]}, not {selection.feed}.",
                remedy="Omit --feed: the number is enough.",
            )
    return sorted({*feeds.values()})


def find_one(settings: Settings, rejected_id: int) -> dict[str, Any]:
    """A rejected row by its number, as `find` gives it.

    :raises NotFound: there is no such row.
    """
    with connected(settings, "quarantine") as connection:
        return row_of(connection, rejected_id)


def row_of(connection: Connection, rejected_id: int) -> dict[str, Any]:
    """What `find_one` returns."""
    rows = selected(connection, Selection(ids=(rejected_id,), status=None), limit=1)
    if not rows:
        raise _missing(rejected_id)
    return rows[0]


def _missing(rejected_id: int) -> NotFound:
    return NotFound(f"There is no rejected row {rejected_id}.", remedy="`quarantine list` shows their numbers.")


def summary(settings: Settings, selection: Selection) -> list[dict[str, Any]]:
    """The number of rows per feed, reason and status; the largest first."""
    with connected(settings, "quarantine") as connection:
        return counted(connection, selection)


def counted(connection: Connection, selection: Selection) -> list[dict[str, Any]]:
    """What `summary` returns."""
    names = (_row.feed, _row.reason, _row.status)
    query = select(*names, func.count().label("rows")).where(*selection.conditions()).group_by(*names)
    return [dict(row) for row in connection.execute(query.order_by(func.count().desc())).mappings()]


def discard(settings: Settings, selection: Selection, note: str) -> int:
    """Discard quarantined rows, with a note that says who and why; returns the number of rows. They stay in the table.

    :raises ConfigurationError: the note is empty.
    """
    if not note.strip():
        raise ConfigurationError("A discarded row needs a note.", remedy='Say why: --note "sensor 7 was broken".')
    with connected(settings, "quarantine") as connection:
        done = connection.execute(
            update(etl_rejected_row)
            .where(*selection.conditions(), _row.status == QUARANTINED)
            .values(status=DISCARDED, note=note[:400], decided_at=datetime.now(UTC))
        )
        return int(done.rowcount)
