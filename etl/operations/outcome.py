"""What a cycle did not load, and why: rejected or conflicting rows, files that were set aside or ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, inspect, literal_column, select, table

from etl.audit.incidents.reading import count_open
from etl.audit.set_aside import FAILING, SET_ASIDE
from etl.audit.states import Job, Status
from etl.contract.model import Contract
from etl.database.schema.tables.audit_tables import etl_rejected_row, etl_set_aside
from etl.jobs.load.conflicts import REPLACED
from etl.operations.feeds.broken_rules import broken_rule
from etl.operations.quarantine.causes import Cause, causes_of
from etl.validation.reasons import Reason

ROWS_COUNTED = 10_000
"""A table with more rows is not counted to its end."""


@dataclass(frozen=True)
class Outcome:
    """What became of everything that a cycle read."""

    read: int = 0
    """Rows that the loads have read."""
    loaded: int = 0
    rejected: int = 0
    """Unparsable messages are included once the load has read them."""
    duplicate: int = 0
    conflicting: int = 0
    """Rows whose key an earlier row has, with other values."""
    quarantined: int = 0
    """Rows in quarantine: the rejected ones and, if the contract quarantines conflicts, the conflicting ones."""
    reasons: tuple[tuple[str, int], ...] = ()
    """Why rows are in quarantine, each reason with its number of rows; the most frequent first."""
    causes: tuple[Cause, ...] = ()
    """The contract's line that rejected most rows; empty where none did."""
    conflicting_because: str = ""
    """The contract's line that makes rows conflicting; empty where no row is."""
    source: str = ""
    """Where the readings come from, in words."""
    table: str = ""
    rows_in_table: int | None = None
    """How many rows the table has, counted up to `ROWS_COUNTED` and one; None where something was loaded or replaced, or a job
    failed."""
    known_files: int = 0
    """Landing files whose content was loaded before."""
    set_aside: Mapping[str, str] = field(default_factory=dict)
    """Files, batches and archives that no job could process, each with its cause."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """Those that failed for the first time: the next cycle tries them again."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Files in a landing folder that are not read, by kind (`etl.storage.landing_folder`)."""
    ignored_names: tuple[str, ...] = ()
    """Names of some of them."""
    open_incidents: int | None = None
    """How many incidents of the feed are open after the cycle; None: unknown."""

    @property
    def is_all_lost(self) -> bool:
        """Whether everything that was read is in quarantine or set aside: nothing was loaded, and nothing known from before."""
        known_before = self.duplicate + self.known_files + (self.rejected + self.conflicting - self.quarantined)
        return bool(self.quarantined or self.set_aside or self.failing) and not self.loaded and not known_before


def read_outcome(connection: Connection, contract: Contract, rows: Iterable[Mapping[str, Any]]) -> Outcome:
    """The outcome of a cycle.

    :param rows: its rows of `etl_log`.
    """
    jobs = list(rows)
    loads = [row for row in jobs if row["job_name"] == Job.LOAD]
    ids = [row["log_id"] for row in loads]
    reasons = _reasons(connection, ids)
    names = ("read", "rejected", "duplicate", "conflicting")
    counts: dict[str, Any] = {name: sum(row.get(f"records_{name}") or 0 for row in loads) for name in names}
    loaded = sum(row["records_processed"] for row in loads)
    has_replaced = contract.on_conflict == "keepLast" and counts["conflicting"] > 0
    has_ended = any(row["status"] == Status.SUCCESS for row in loads)
    return Outcome(
        loaded=loaded,
        quarantined=sum(rows for _, rows in reasons),
        reasons=reasons,
        causes=causes_of(connection, ids, contract.feed, contract, most=1) if counts["rejected"] else (),
        conflicting_because=_conflicts(contract) if counts["conflicting"] else "",
        source=contract.source.in_words,
        table=contract.table,
        rows_in_table=rows_in(connection, contract.table) if has_ended and not loaded and not has_replaced else None,
        set_aside=_items(connection, jobs, SET_ASIDE),
        failing=_items(connection, jobs, FAILING),
        open_incidents=count_open(connection).get(contract.feed, 0),
        **counts,
        **_of_notes(jobs),
    )


def _conflicts(contract: Contract) -> str:
    return broken_rule(contract, Reason.CONFLICTING, None, None).line


def rows_in(connection: Connection, name: str) -> int:
    """How many rows a feed's table has, counted up to `ROWS_COUNTED` and one; 0 where there is no table yet."""
    if not inspect(connection).has_table(name):
        return 0
    first = select(literal_column("1").label("one")).select_from(table(name)).limit(ROWS_COUNTED + 1).subquery()
    return connection.scalar(select(func.count()).select_from(first)) or 0


def holds(rows: int) -> str:
    """What a table has, in words that follow its name."""
    if rows > ROWS_COUNTED:
        return f"has more than {ROWS_COUNTED:,} rows"
    return f"has {rows:,} row{'' if rows == 1 else 's'}" if rows else "is empty"


def _reasons(connection: Connection, loads: list[int]) -> tuple[tuple[str, int], ...]:
    reason, rows = etl_rejected_row.c.reason, func.count().label("rows")
    # Rows that `keepLast` replaced are earlier ones: what came in their place was not left out.
    left_out = (etl_rejected_row.c.log_id.in_(loads), etl_rejected_row.c.status != REPLACED)
    query = select(reason, rows).where(*left_out).group_by(reason).order_by(rows.desc(), reason)
    return tuple((row.reason, row.rows) for row in connection.execute(query)) if loads else ()


def _items(connection: Connection, jobs: list[Mapping[str, Any]], status: str) -> dict[str, str]:
    """The items that these jobs could not process, each with its cause; `notes` names only the first ones."""
    is_of_jobs = (etl_set_aside.c.log_id.in_([row["log_id"] for row in jobs]), etl_set_aside.c.status == status)
    query = (
        select(etl_set_aside.c.name, etl_set_aside.c.cause).where(*is_of_jobs).order_by(etl_set_aside.c.set_aside_id)
    )
    return {row.name: row.cause.partition("\n")[0] for row in connection.execute(query)} if jobs else {}


def _of_notes(jobs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What *consume* noted about files that it did not read."""
    notes: Mapping[str, Any] = next(
        (row["notes"] for row in jobs if row["job_name"] == Job.CONSUME and row["notes"]), {}
    )
    return {
        "known_files": len(notes.get("files_taken_before") or ()),
        "ignored": notes.get("ignored") or {},
        "ignored_names": tuple(notes.get("ignored_files") or ()),
    }
