"""Feeds whose columns and tables are called what our own statements, SQL, or the frames of the notebooks call something."""

from __future__ import annotations

from tests.support.edits import Document, column

LABELS = (
    "number newest ranked sensors moments other sensor_number is_new start first last time slot place window_end"
    " readings total lowest highest deviation mean value count min max avg stddev window_start measure score kind event_time"
    " feed sensor age_seconds anomalies late near before inside long part pooled known key values index columns parsed item"
    " average high low measured parts problems raw_rebuilt reason staged anon_1 count_1 sum_1 min_1 max_1 avg_1 stddev_1"
)
KEYWORDS = (
    "select from where group order table check references default desc limit offset lateral window end primary unique"
    " current_user session_user system_user array symmetric variadic file percent top identity merge pivot openquery deny plan"
    " proc tran waitfor browse holdlock nocheck tablesample within external"
)
NAMES = [*LABELS.split(), *KEYWORDS.split(), "Q", 60 * "c"]
ROLES = [
    # Table, sensor, event time, measure.
    ("moments", "number", "newest", "first"),
    ("touched", "name", "slot", "is_new"),
    ("staged", "place", "start", "last"),
    ("stage", "place", "window_end", "measure"),
    ("order", "user", "select", "group"),
    ("long", "anomalies", "value", "kind"),
    ("sensors", "slot", "last", "sensor_number"),
    (48 * "t", 60 * "s", 60 * "z", 60 * "m"),
]
"""Each name in the place where it would hurt."""


def document(feed: str, table: str, sensor: str, time: str, measures: list[str]) -> Document:
    """A contract with all that is derived from readings: windows, anomalies, a fleet."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": feed,
        "name": feed,
        "version": "1.0.0",
        "status": "active",
        "servers": [
            {
                "server": "landing",
                "type": "local",
                "path": f"landing/{feed}",
                "format": "csv",
                "customProperties": [{"property": "stableSeconds", "value": 0.001}],
            }
        ],
        "schema": [
            {
                "name": feed,
                "physicalName": table,
                "properties": [
                    column(sensor, "string", key=1, maxLength=20),
                    column(time, "timestamp", key=2),
                    *(column(name, "number") for name in measures),
                ],
            }
        ],
        "customProperties": [
            {"property": "eventTime", "value": {"column": time}},
            {"property": "windows", "value": {"sizes": ["5m", "1d"]}},
            {
                "property": "anomalies",
                "value": {"measures": measures[:2], "minimum": 5, "trailing": 10, "stuckAfter": "1h"},
            },
            {"property": "fleet", "value": {"sensors": 2, "interval": "1m"}},
        ],
    }


def readings(
    sensor: str, time: str, measures: list[str], *, day: int, minutes: int = 30
) -> list[dict[str, str | None]]:
    """Readings of two sensors, one a minute; the last of each is an outlier."""
    return [
        {
            sensor: which,
            time: f"2024-05-{day:02}T00:{minute:02}:00Z",
            **{name: str(500 if minute == minutes - 1 else minute % 7) for name in measures},
        }
        for minute in range(minutes)
        for which in ("a", "b")
    ]
