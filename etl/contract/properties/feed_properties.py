"""The `customProperties` of a contract: times, nested messages, windows, lateness, anomalies.

Each property has one method, which returns a value of `etl.contract.model`, or raises `ContractError` with place and remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from etl.contract.durations import DAY_SECONDS, LONGEST_SECONDS, contract_seconds
from etl.contract.model import (
    ISO8601,
    WINDOW_COLUMNS,
    Column,
    EventTime,
    Fleet,
    OnConflict,
    UnknownKeys,
    Windows,
    column_name,
)
from etl.contract.properties.alert_properties import ALERTS
from etl.contract.properties.custom_properties import CustomProperties, is_finite_number
from etl.contract.properties.time_formats import read_formats, read_timezone
from etl.contract.rules.anomalies import AnomalyRules
from etl.contract.similar_names import suggestion

KNOWN = {
    ALERTS,
    "eventTime",
    "failureBudget",
    "onConflict",
    "sensor",
    "envelope",
    "explode",
    "rename",
    "windows",
    "lateness",
    "anomalies",
    "unknownKeys",
    "maxNewColumns",
    "missingValues",
    "fleet",
}
_ANOMALY_NUMBERS = {
    "threshold": "threshold",
    "trailing": "trailing",
    "minimum": "minimum",
    "resolution": "resolution",
    "stuckReadings": "stuck_readings",
}
_ANOMALY_TIMES = {"block": "block_seconds", "stuckAfter": "stuck_seconds", "gapAfter": "gap_seconds"}
_MOST_NEW_COLUMNS = 500
DEFAULT_WINDOWS = ("5m", "1d")


_ON_CONFLICT: dict[str, OnConflict] = {"quarantine": "quarantine", "keepFirst": "keepFirst", "keepLast": "keepLast"}
_UNKNOWN_KEYS: dict[str, UnknownKeys] = {"evolve": "evolve", "freeze": "freeze", "discard": "discard"}


@dataclass(frozen=True)
class FeedProperties(CustomProperties):
    """The custom properties of a contract."""

    def event_time(self, columns: tuple[Column, ...]) -> EventTime:
        place = f"{self.place}.eventTime"
        if "eventTime" not in self.values:
            raise self.fail(self.place, "has no eventTime", "Name the column with the time of the reading.")
        value = self.mapping("eventTime", {"column", "formats", "timezone", "earliest", "aheadSeconds"}, "column")
        if value["column"] not in [column.name for column in columns if column.type == "timestamp"]:
            raise self.fail(f"{place}.column", f"{value['column']!r} is no timestamp column", "Name one.")
        try:
            earliest = datetime.fromisoformat(str(value.get("earliest", "2000-01-01")))
        except ValueError as error:
            raise self.fail(f"{place}.earliest", str(error), "Use an ISO date.") from None
        return EventTime(
            column=value["column"],
            timezone=read_timezone(f"{place}.timezone", value.get("timezone", "UTC"), self.fail),
            earliest=earliest if earliest.tzinfo else earliest.replace(tzinfo=UTC),
            ahead_seconds=self._ahead_seconds(value.get("aheadSeconds", 3600.0)),
            formats=read_formats(f"{place}.formats", value.get("formats", [ISO8601]), self.fail),
        )

    def _ahead_seconds(self, value: object) -> float:
        if not is_finite_number(value) or not 0 <= value <= LONGEST_SECONDS:
            remedy = "Give a number of seconds, 0 or more, such as 3600; at most 100 years."
            raise self.fail(f"{self.place}.eventTime.aheadSeconds", f"{value!r}", remedy)
        return float(value)

    def sensor(
        self, columns: tuple[Column, ...], primary_key: tuple[str, ...], event_time: EventTime
    ) -> tuple[str, ...]:
        """The columns that identify a sensor; by default the first of the primary key that is not the event time."""
        if "sensor" in self.values:
            return self._column_list("sensor", self.values["sensor"], columns)
        named = [*primary_key, *(column.name for column in columns)]
        return (next((name for name in named if name != event_time.column), columns[0].name),)

    def windows(self, columns: tuple[Column, ...], sensor: tuple[str, ...]) -> Windows | None:
        """Sizes, key and measures; by default 5 minutes and a day, per sensor, of all decimal numbers."""
        place = f"{self.place}.windows"
        value = self.mapping("windows", {"sizes", "key", "measures"}) if "windows" in self.values else {}
        sizes = value.get("sizes", list(DEFAULT_WINDOWS))
        if not isinstance(sizes, list):
            raise self.fail(f"{place}.sizes", f"{sizes!r}", "Give a list: [5m, 1d].")
        lengths = tuple((str(size), contract_seconds(f"{place}.sizes", size, self.fail)) for size in sizes)
        for name, length in lengths:
            if length != int(length) or (DAY_SECONDS % length and length % DAY_SECONDS):
                raise self.fail(f"{place}.sizes", f"{name!r} does not divide a day", "Use 1m, 5m, 15m, 1h, 1d.")
        key = self._column_list("windows.key", value.get("key", list(sensor)), columns)
        measures = self._measures("windows.measures", value.get("measures"), columns, sensor)
        if not lengths or not measures:
            return None
        if taken := [name for name in key if name.lower() in WINDOW_COLUMNS]:
            raise self.fail(
                f"{place}.key",
                f"{taken[0]!r} is a column of every table of windows",
                f"Give the column another name, such as {column_name(taken[0], WINDOW_COLUMNS)}, and the key of its values under"
                " `rename`.",
            )
        return Windows(tuple((name, int(length)) for name, length in lengths), key, measures)

    def _measures(
        self, name: str, given: object, columns: tuple[Column, ...], sensor: tuple[str, ...]
    ) -> tuple[str, ...]:
        if given is None:
            return tuple(column.name for column in columns if column.type == "double" and column.name not in sensor)
        measures = self._column_list(name, given, columns)
        kinds = {column.name: column.type for column in columns}
        for measure in measures:
            if kinds[measure] not in ("integer", "double"):
                raise self.fail(
                    f"{self.place}.{name}", f"{measure!r} is not a column of numbers", "Name integer or number columns."
                )
        return measures

    def lateness(self) -> float:
        return contract_seconds(f"{self.place}.lateness", self.values.get("lateness", "10m"), self.fail)

    def unknown_keys(self) -> UnknownKeys:
        value = self.values.get("unknownKeys", "freeze")
        if not isinstance(value, str) or value not in _UNKNOWN_KEYS:
            raise self.fail(f"{self.place}.unknownKeys", f"{value!r}", f"Use {', '.join(_UNKNOWN_KEYS)}.")
        return _UNKNOWN_KEYS[value]

    def max_new_columns(self) -> int:
        value = self.values.get("maxNewColumns", 100)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_NEW_COLUMNS:
            raise self.fail(
                f"{self.place}.maxNewColumns", f"{value!r}", f"Give a whole number from 0 to {_MOST_NEW_COLUMNS}."
            )
        return value

    def anomalies(self, columns: tuple[Column, ...], sensor: tuple[str, ...]) -> AnomalyRules | None:
        if "anomalies" not in self.values:
            return None
        value = self.mapping("anomalies", {"measures", *_ANOMALY_NUMBERS, *_ANOMALY_TIMES})
        given: dict[str, Any] = {
            field: self._positive(f"anomalies.{name}", value[name])
            for name, field in _ANOMALY_NUMBERS.items()
            if name in value
        }
        given |= {
            field: contract_seconds(f"{self.place}.anomalies.{name}", value[name], self.fail)
            for name, field in _ANOMALY_TIMES.items()
            if name in value
        }
        measures = self._measures("anomalies.measures", value.get("measures"), columns, sensor)
        return AnomalyRules(measures=measures, **given)

    def _positive(self, name: str, value: object) -> float | int:
        if not is_finite_number(value) or value <= 0:
            raise self.fail(f"{self.place}.{name}", f"{value!r}", "Give a number above 0.")
        return value

    def fleet(self) -> Fleet | None:
        if "fleet" not in self.values:
            return None
        value = self.mapping("fleet", {"sensors", "interval"}, "sensors", "interval")
        if isinstance(value["sensors"], bool) or not isinstance(value["sensors"], int) or value["sensors"] < 1:
            raise self.fail(f"{self.place}.fleet.sensors", f"{value['sensors']!r}", "Say how many sensors report.")
        return Fleet(value["sensors"], contract_seconds(f"{self.place}.fleet.interval", value["interval"], self.fail))

    def failure_budget(self) -> float:
        value = self.values.get("failureBudget", 1.0)
        if not is_finite_number(value) or not 0 <= value <= 1:
            raise self.fail(f"{self.place}.failureBudget", f"{value!r}", "Give a share from 0 to 1.")
        return float(value)

    def on_conflict(self) -> OnConflict:
        value = self.values.get("onConflict", "quarantine")
        if not isinstance(value, str) or value not in _ON_CONFLICT:
            raise self.fail(f"{self.place}.onConflict", f"{value!r}", f"Use {', '.join(_ON_CONFLICT)}.")
        return _ON_CONFLICT[value]

    def _column_list(self, name: str, given: object, columns: tuple[Column, ...]) -> tuple[str, ...]:
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list) or not names or not all(isinstance(item, str) for item in names):
            raise self.fail(f"{self.place}.{name}", f"{given!r}", "Name columns of the schema.")
        existing = dict.fromkeys(column.name for column in columns)
        for item in names:
            if item not in existing:
                raise self.fail(f"{self.place}.{name}", f"{item!r} is no column", suggestion(item, existing))
        return tuple(names)
