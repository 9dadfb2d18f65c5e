"""A contract as plain values, for JSON: whole, however many columns it has."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from etl.cli.report.contract.columns import TYPES, rules, source_of
from etl.contract.every_column import missing_everywhere
from etl.contract.model import Column, Contract, EventTime, Windows


def described(contract: Contract) -> dict[str, Any]:
    """A contract as plain values for JSON."""
    everywhere = missing_everywhere(contract)
    return {
        "feed": contract.feed,
        "version": contract.version,
        "description": contract.description,
        "source": contract.source.as_json(),
        "table": contract.table,
        "columns": [
            _column(column, source_of(column, contract), rules(column, contract, everywhere))
            for column in contract.columns
        ],
        "primary_key": list(contract.primary_key),
        "sensor": list(contract.sensor),
        "event_time": _event_time(contract.event_time),
        "envelope": ".".join(contract.envelope) or None,
        "explode": [".".join(level) for level in contract.explode],
        "windows": _windows(contract.windows) if contract.windows else None,
        "lateness_seconds": contract.lateness_seconds,
        "unknown_keys": contract.unknown_keys,
        "max_new_columns": contract.max_new_columns,
        "anomalies": vars(contract.anomalies) if contract.anomalies else None,
        "fleet": vars(contract.fleet) if contract.fleet else None,
        "latency_seconds": contract.freshness_seconds,
        "on_conflict": contract.on_conflict,
        "failure_budget": contract.failure_budget,
        "alerts": vars(contract.alerts),
    }


def _column(column: Column, source: str, own_rules: list[str]) -> dict[str, Any]:
    """A column; what applies to few columns is left out of the others."""
    forms = {
        "missing": list(column.missing),
        "number": asdict(column.number) if column.number else None,
        "formats": list(column.formats),
        "timezone": column.timezone,
        "combine": list(column.combine),
        "constant": column.constant,
        "from": column.origin,
    }
    return {
        "name": column.name,
        "source": source,
        "type": TYPES.get(column.type, column.type),
        "unit": column.unit or None,
        "rules": own_rules,
        "description": column.description,
        **{name: value for name, value in forms.items() if value},
    }


def _event_time(time: EventTime) -> dict[str, Any]:
    return {
        "column": time.column,
        "formats": list(time.formats),
        "timezone": time.timezone,
        "earliest": time.earliest.isoformat(),
        "ahead_seconds": time.ahead_seconds,
    }


def _windows(windows: Windows) -> dict[str, list[str]]:
    return {
        "sizes": [size for size, _ in windows.sizes],
        "key": list(windows.key),
        "measures": list(windows.measures),
    }
