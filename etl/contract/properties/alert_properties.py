"""The custom property `alerts` of a contract: when something about its feed is an incident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from etl.contract.durations import contract_seconds
from etl.contract.properties.custom_properties import CustomProperties, is_finite_number
from etl.contract.rules.alerts import AlertRules

ALERTS = "alerts"
_TIMES = {"quiet": "quiet_seconds", "cycleEvery": "cycle_every_seconds"}
_NUMBERS: Mapping[str, tuple[str, Callable[[float], bool], str]] = {
    "backlog": ("backlog", lambda value: value >= 0 and value == int(value), "a whole number of messages, 0 or more"),
    "minScore": ("min_score", lambda value: 0 <= value <= 100, "a number from 0 to 100"),
    "rejectedShare": ("rejected_share", lambda value: 0 <= value <= 1, "a share from 0 to 1"),
    "minRejected": (
        "min_rejected",
        lambda value: value >= 1 and value == int(value),
        "a whole number of rows, 1 or more",
    ),
    "silentAfterIntervals": ("silent_intervals", lambda value: 1 <= value <= 1e6, "a number of intervals, 1 or more"),
}
_WHOLE = {"backlog", "minRejected"}


def read_alerts(given: CustomProperties) -> AlertRules:
    """The rules of a contract; the defaults where it says nothing.

    :raises ContractError: a value cannot be used; names it, its place and the remedy.
    """
    if ALERTS not in given.values:
        return AlertRules()
    value = given.mapping(ALERTS, {*_TIMES, *_NUMBERS})
    place = f"{given.place}.{ALERTS}"
    values: dict[str, Any] = {
        field: contract_seconds(f"{place}.{name}", value[name], given.fail)
        for name, field in _TIMES.items()
        if name in value
    }
    values |= {_NUMBERS[name][0]: _number(given, place, name, value[name]) for name in _NUMBERS if name in value}
    return AlertRules(**values)


def _number(given: CustomProperties, place: str, name: str, value: object) -> Any:
    _, fits, wanted = _NUMBERS[name]
    if not is_finite_number(value) or not fits(value):
        raise given.fail(f"{place}.{name}", f"{value!r}", f"Give {wanted}.")
    return int(value) if name in _WHOLE else float(value)
