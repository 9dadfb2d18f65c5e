"""What can go wrong, and what a job saw of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of incidents; docs/alerts.md says when each is opened, and what to do then."""

    JOB_FAILED = "job_failed"
    JOB_DIED = "job_died"
    FAILURE_BUDGET = "failure_budget"
    RETENTION_GAP = "retention_gap"
    STALE = "stale"
    SILENT_SENSOR = "silent_sensor"
    SILENT_SCHEDULE = "silent_schedule"
    BACKLOG = "backlog"
    LOW_QUALITY = "low_quality"
    QUARANTINE_GROWTH = "quarantine_growth"


OF_JOBS = (Kind.JOB_FAILED, Kind.JOB_DIED, Kind.FAILURE_BUDGET, Kind.RETENTION_GAP)
"""Kinds that the end of a job shows; their key is its name."""

_ERRORS = {*OF_JOBS, Kind.SILENT_SCHEDULE}


def severity(kind: Kind) -> str:
    """`error`: nothing comes through, or may be lost; `warning`: data comes, but not as it should."""
    return "error" if kind in _ERRORS else "warning"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now."""

    cause: str
    """Without row data and secrets."""
    remedy: str = ""
    key: str = ""
    """Which job, sensor or item it is about; empty: the feed."""


@dataclass(frozen=True)
class Look:
    """What was seen of one kind of incident."""

    kind: Kind
    findings: tuple[Finding, ...] = ()
    keys: frozenset[str] | None = None
    """What was looked at; None: everything of this kind. Incidents about it that are not among the findings are over."""
