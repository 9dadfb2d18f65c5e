"""Incidents as the database has them, and readings of the default feed at any time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from etl.contract.rules.alerts import AlertRules
from tests.support.stack import Project

NO_QUIET = AlertRules(quiet_seconds=1e-6)
"""The default limits; what comes back is opened again at once."""


def open_incidents(project: Project, kind: str) -> list[str]:
    """The keys of the incidents of a kind that are open."""
    query = f"SELECT i.key FROM etl_incident i WHERE i.kind = '{kind}' AND i.resolved_at IS NULL"
    return sorted(key for (key,) in project.sql(query))


def causes(project: Project, kind: str) -> list[str]:
    """What was written of a kind of incident, open or not, in the order of time."""
    query = f"SELECT cause FROM etl_incident WHERE kind = '{kind}' ORDER BY incident_id"
    return [cause for (cause,) in project.sql(query)]


def reported(
    begin: datetime, sensors: Iterable[int], seconds: Iterable[float], **values: Any
) -> list[dict[str, str | None]]:
    """Readings of these sensors, each at these seconds after a moment."""
    sensors = list(sensors)
    return [
        {
            "sensor_id": str(sensor),
            "temperature": "20.5",
            "humidity": "40.0",
            "timestamp": (begin + timedelta(seconds=second)).isoformat(),
            **values,
        }
        for second in seconds
        for sensor in sensors
    ]
