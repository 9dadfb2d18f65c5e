"""Sensors have stopped while others of the feed go on (`etl.database.schema.silence`)."""

from __future__ import annotations

from sqlalchemy import Connection

from etl.audit.incidents.finding import Finding, Kind, Look
from etl.contract.durations import format_duration, moment
from etl.database.schema.silence import INTERVAL, NEWEST, SENSOR, has_known_sensors, silent_sensors
from etl.jobs.load.conditions.base import LoadEnd

MOST_NAMED = 50
"""Where more sensors are silent at once, they are one incident."""


def look(connection: Connection, load: LoadEnd) -> Look | None:
    """Name the sensors that are silent. Where the whole feed is, that is `stale`, and no sensor's fault."""
    if not has_known_sensors(load.contract):
        return Look(Kind.SILENT_SENSOR)
    if not load.has_tables or load.is_stale:
        return None
    silent = connection.execute(silent_sensors(load.contract).limit(MOST_NAMED + 1)).mappings().all()
    after = f"{load.contract.alerts.silent_intervals:g} times its interval"
    if len(silent) > MOST_NAMED:
        finding = Finding(
            f"More than {MOST_NAMED} sensors have not reported for longer than {after}, while others go on.",
            remedy="The view v_etl_silent names them. See what they have in common: a gateway, a network, a power supply.",
        )
        # Those that have incidents already stay open.
        return Look(Kind.SILENT_SENSOR, (finding,), frozenset({finding.key}))
    findings = (
        Finding(
            f"Sensor {row[SENSOR]} last reported at {moment(row[NEWEST])}, which is more than {after}"
            f" ({format_duration(round(row[INTERVAL], 3))}) ago.",
            remedy="See whether it has power and reaches its gateway. The view v_etl_silent shows its last value.",
            key=row[SENSOR],
        )
        for row in silent
    )
    return Look(Kind.SILENT_SENSOR, tuple(findings))
