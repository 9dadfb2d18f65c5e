"""The quarantine as a tool: look at rejected rows, or discard them with a note. `etl.operations.quarantine.replay` loads
them after all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, cast, func, select, update

from etl.database import text_of
from etl.database.schema.audit_tables import etl_log, etl_rejected_row, etl_source
from etl.database.schema.migrations import connected
from etl.errors import ConfigurationError
from etl.settings import Settings

QUARANTINED, REPLAYED, DISCARDED = "QUARANTINED", "REPLAYED", "DISCARDED"
REPLAY_SUFFIX = "-replay"
REPLAYED_ROWS = "replayed_rows"
"""Note of a replay: how many rows of the quarantine it loaded, each with all its readings."""
_row = etl_rejected_row.c


@dataclass(frozen=True)
class Selection:
    """Which rejected rows are meant; what is None does not restrict."""

    ids: tuple[int, ...] = ()
    feed: str | None = None
    reason: str | None = None
    cycle_id: str | None = None
    column: str | None = None
    status: str | None = QUARANTINED

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(_row.rejected_id.in_(self.ids))
        if self.feed:
            found.append(_row.feed == self.feed)
        if self.reason:
            found.append(_row.reason == self.reason)
        if self.status:
            found.append(_row.status == self.status)
        if self.cycle_id:
            found.append(_row.log_id.in_(select(etl_log.c.log_id).where(etl_log.c.cycle_id == self.cycle_id)))
        if self.column:
            found.append(
                cast(_row.problems, text_of(None)).contains(f'"column": {json.dumps(self.column)},', autoescape=True)
            )
        return found


def find(settings: Settings, selection: Selection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Rejected rows, newest first, with the name of their source and their cycle."""
    query = (
        select(etl_rejected_row, etl_source.c.name.label("source_name"), etl_log.c.cycle_id)
        .join(etl_source, etl_source.c.source_id == _row.source_id)
        .join(etl_log, etl_log.c.log_id == _row.log_id, isouter=True)
        .where(*selection.conditions())
        .order_by(_row.rejected_id.desc())
        .limit(limit)
    )
    with connected(settings, "quarantine") as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def feeds_of(settings: Settings, selection: Selection) -> list[str]:
    """The feeds of the rows whose numbers are selected.

    :raises ConfigurationError: there is no such row, or it is of another feed than the selection says.
    """
    query = select(_row.rejected_id, _row.feed).where(_row.rejected_id.in_(selection.ids))
    with connected(settings, "quarantine") as connection:
        feeds = {number: str(feed) for number, feed in connection.execute(query)}
    for number in selection.ids:
        if number not in feeds:
            raise _missing(number)
        if selection.feed not in (None, feeds[number]):
            raise ConfigurationError(
                f"Rejected row {number} is of feed {feeds[number]}, not {selection.feed}.",
                remedy="Leave --feed out: the number is enough.",
            )
    return sorted({*feeds.values()})


def one(settings: Settings, rejected_id: int) -> dict[str, Any]:
    """A rejected row by its number, as `find` gives it.

    :raises ConfigurationError: there is no such row.
    """
    rows = find(settings, Selection(ids=(rejected_id,), status=None))
    if not rows:
        raise _missing(rejected_id)
    return rows[0]


def _missing(rejected_id: int) -> ConfigurationError:
    return ConfigurationError(
        f"There is no rejected row {rejected_id}.", remedy="`quarantine list` shows their numbers."
    )


def summary(settings: Settings, selection: Selection) -> list[dict[str, Any]]:
    """How many rows there are per feed, reason and status."""
    names = (_row.feed, _row.reason, _row.status)
    query = select(*names, func.count().label("rows")).where(*selection.conditions()).group_by(*names)
    with connected(settings, "quarantine") as connection:
        found = connection.execute(query.order_by(func.count().desc())).mappings()
        return [dict(row) for row in found]


def discard(settings: Settings, selection: Selection, note: str) -> int:
    """Give quarantined rows up, with a note that says who and why; returns how many. They stay in the table."""
    if not note.strip():
        raise ConfigurationError("A discarded row needs a note.", remedy='Say why: --note "sensor 7 was broken".')
    with connected(settings, "quarantine") as connection:
        done = connection.execute(
            update(etl_rejected_row)
            .where(*selection.conditions(), _row.status == QUARANTINED)
            .values(status=DISCARDED, note=note[:400], decided_at=datetime.now(UTC))
        )
        return int(done.rowcount)
