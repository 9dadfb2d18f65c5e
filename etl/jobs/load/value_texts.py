"""Values of a feed's table as texts that its contract reads as the same values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from etl.contract.model import EPOCH_UNITS, ISO8601, Column, Contract
from etl.jobs.load.derived.newest_rows import micros_of


def value_text(value: Any, column: Column, contract: Contract) -> str | None:
    """A value in its column's form; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if column.type == "boolean":
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _time_text(value, column, contract)
    number = json.dumps(value)
    return number.replace(".", column.number.decimal) if column.number else number


def _time_text(value: datetime, column: Column, contract: Contract) -> str:
    """A time in the first of the column's formats that is exact for it, to the microsecond.

    In ISO 8601 where none is, because the formats have been edited since: the contract rejects such a text, so that no other
    time is read from it.
    """
    formats = column.formats or contract.event_time.formats
    zone = ZoneInfo(column.timezone or contract.event_time.timezone)
    local = value.astimezone(zone)
    exact = (name for name in formats if name in EPOCH_UNITS or _reads_back(local, name))
    name = ISO8601 if ISO8601 in formats else next(exact, ISO8601)
    if name == ISO8601:
        return value.astimezone(UTC).isoformat(sep=" ")
    return _epoch_text(micros_of(value), EPOCH_UNITS[name]) if name in EPOCH_UNITS else local.strftime(name)


def _reads_back(local: datetime, pattern: str) -> bool:
    """Whether a local time's text in a pattern is read as the same moment; of an hour that occurs twice, the first is read."""
    try:
        read = datetime.strptime(local.strftime(pattern), pattern)
    except ValueError:
        return False
    aware = read if read.tzinfo else read.replace(tzinfo=local.tzinfo)
    return aware.astimezone(UTC) == local.astimezone(UTC)


def _epoch_text(microseconds: int, unit_seconds: float) -> str:
    if unit_seconds < 1e-6:
        return str(microseconds * round(1e-6 / unit_seconds))
    per_unit = round(unit_seconds * 1_000_000)
    whole, rest = divmod(microseconds, per_unit)
    digits = len(str(per_unit)) - 1
    return f"{whole}.{rest:0{digits}d}" if rest else str(whole)
