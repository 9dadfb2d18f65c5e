"""When something about a feed is an incident (docs/alerts.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AlertRules:
    """Limits beyond which an incident is opened. With the defaults a feed that is well has none."""

    quiet_seconds: float = 900.0
    """After an incident is resolved, the same one is not opened again for so long."""
    backlog: int | None = None
    """Most messages that may be unread after a job has read; None: no limit."""
    min_score: float = 70.0
    """Lowest quality score of a load, 0 to 100."""
    rejected_share: float = 0.2
    """Highest share of a load's rows, 0 to 1, that may be rejected."""
    min_rejected: int = 20
    """Fewer rejected rows than this are no incident, whatever their share."""
    silent_intervals: float = 3.0
    """A sensor is silent when its last reading is more than so many of its intervals ago."""
    cycle_every_seconds: float | None = None
    """How often another scheduler, such as cron or Airflow, begins a cycle; None: none is expected but those of `run --every`."""
