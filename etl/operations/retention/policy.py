"""What prune may do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from etl.contract.durations import parse_duration
from etl.errors import ConfigurationError, EtlError
from etl.operations.retention.remote import Remote
from etl.settings import Settings

_LONGEST_AGE = len("99999w")


@dataclass(frozen=True)
class Policy:
    """How long things are kept: archives after their load, notebooks after the end of their cycle, rows of the quarantine after
    the decision about them. None: for ever.
    """

    compress_after: timedelta | None = timedelta(days=7)
    delete_after: timedelta | None = timedelta(days=90)


def parse_age(text: str) -> timedelta | None:
    """`30m`, `12h`, `7d` or `2w`; `never` is None.

    :raises ConfigurationError: it is none of these.
    """
    if text == "never":
        return None
    seconds = parse_duration(text, "mhdw", fractions=False)
    if seconds is None or len(text) > _LONGEST_AGE:
        raise ConfigurationError(f"{text!r} is not an age.", remedy="Write 30m, 12h, 7d, 2w or never.")
    return timedelta(seconds=seconds)


@dataclass(frozen=True)
class Item:
    """One thing that was pruned, or would be."""

    kind: Literal["archive", "landing file", "notebooks", "quarantine", "log"]
    action: Literal["compress", "delete", "move", "keep"]
    feed: str
    """Empty for what belongs to no feed."""
    name: str
    count: int
    """Files, or rows of the quarantine."""
    bytes: int
    """Size before; 0 for rows, whose space the database reuses by itself."""
    freed: int | None = None
    """None in a dry run if only the real run can tell."""
    why: str = ""
    """Why it is kept although it is old."""


@dataclass(frozen=True)
class Pruned:
    """What was done, or with `dry_run` would be done."""

    dry_run: bool
    items: tuple[Item, ...]
    busy: tuple[EtlError, ...]
    """Errors of feeds that were left out because another process works on them, and of copies that failed."""


@dataclass(frozen=True)
class PruneRun:
    """One run of prune."""

    settings: Settings
    policy: Policy
    now: datetime
    dry_run: bool
    remote: Remote | None = None
    copied: dict[str, str] = field(default_factory=dict)
    """See `copy_old`."""

    def is_old(self, since: datetime, age: timedelta | None) -> bool:
        return age is not None and self.now - since >= age

    def why_kept(self, file: Path) -> str:
        """Why a file must stay although it is old; empty if it may be deleted."""
        if self.remote is None or self.dry_run or not file.exists():
            return ""
        return self.copied.get(str(file), "it has no copy yet")

    @property
    def last_action(self) -> Literal["delete", "move"]:
        return "move" if self.remote else "delete"
