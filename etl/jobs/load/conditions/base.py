"""What a condition is told about a load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from etl.audit.counts import Counts
from etl.audit.incidents.finding import Look
from etl.contract.model import EvolvedContract


@dataclass(frozen=True)
class LoadEnd:
    """A load that is about to end well; its rows, score and counts are in the database already."""

    contract: EvolvedContract
    log_id: int
    counts: Counts
    newest: datetime | None
    """The newest event time that was ever loaded; None before the feed's first reading."""
    has_tables: bool
    """Whether the feed's tables are known to exist."""

    @property
    def is_stale(self) -> bool:
        """Whether the newest reading is older than the contract promises."""
        promised = self.contract.freshness_seconds
        if self.newest is None or promised is None:
            return False
        return datetime.now(UTC) - self.newest > timedelta(seconds=promised)


Condition = Callable[[Connection, LoadEnd], Look | None]
"""Returns what the load shows of one kind of incident; None where it shows nothing, and what is open stays open."""
