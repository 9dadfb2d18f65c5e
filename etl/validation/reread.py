"""Reads rows of the quarantine from their own texts, and validates them as they were the first time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from etl.contract.model import Column, Contract
from etl.validation.message import count_readings
from etl.validation.rebuilt_text import compose_json, compose_line
from etl.validation.rejects import COORDINATES
from etl.validation.texts import as_text
from etl.validation.validate import Validated, validate


def reread(
    contract: Contract, rows: Sequence[Mapping[str, Any]], changes: Mapping[str, str], *, now: datetime
) -> Validated:
    """Validate rows of `etl_rejected_row` again; partition and offset of the result are a row's place among them.

    :param rows: with the `header` of their source (None for messages).
    :param changes: column → text that replaces the row's own value.
    """
    number = [str(place) for place in range(len(rows))]
    # A text that was composed from columns has only one reading.
    item = ["0" if row["raw_rebuilt"] else str(row["source_item"]) for row in rows]
    raw = [_source_form(row, contract) for row in rows]
    chunk = pa.record_batch(
        {
            "source_partition": pa.array(number, pa.string()),
            "source_offset": pa.array(number, pa.string()),
            "source_item": pa.array(item, pa.string()),
            "raw": pa.array(raw, pa.string()),
        }
    )
    headers = {place: tuple(row["header"]) for place, row in enumerate(rows) if row["header"]}
    return validate(chunk, contract, now=now, headers=headers, changes=changes, beside=_beside(contract, rows))


def _beside(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.ChunkedArray]:
    """The texts of the columns that are not in messages, as the rows of the quarantine kept them."""
    kept = [row["beside_message"] or {} for row in rows]
    keys = {column.name: beside_key(column) for column in contract.columns if not column.is_in_message}
    return {
        name: pa.chunked_array([pa.array([texts.get(key) for texts in kept], pa.string())])
        for name, key in keys.items()
    }


def beside_key(column: Column) -> str:
    """Under which key of `beside_message` the text of a column that is not in messages is kept."""
    return column.origin or f"{'combined' if column.combine else 'constant'}:{column.name}"


def with_all_readings(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows, and one more for each further reading of a message that was rejected as a whole.

    The text of such a message is kept in one row, however many readings it has.
    """
    readings: list[Mapping[str, Any]] = []
    for row in rows:
        is_whole = row["source_item"] == 0 and row["problems"][0]["column"] is None
        has_more = contract.explode and is_whole and not row["raw_rebuilt"] and not row["header"]
        readings += (
            [{**row, "source_item": n} for n in range(count_readings(row["raw"], contract))] if has_more else [row]
        )
    return readings


def placed(checked: Validated, contract: Contract, rows: Sequence[Mapping[str, Any]], more: Sequence[str]) -> pa.Table:
    """The accepted rows, with the source, the coordinates and some more columns of the quarantined rows.

    :param more: the names of those columns, which are integers.
    """
    places = checked.accepted["source_offset"].to_pylist()
    good = checked.accepted.select(list(contract.column_names))
    for name in ("source_id", *COORDINATES, *more):
        good = good.append_column(name, pa.array([rows[place][name] for place in places], pa.int64()))
    return good


def still_bad(rows: Sequence[Mapping[str, Any]], checked: Validated) -> list[dict[str, Any]]:
    """rejected_id, reason and problems of the rows that are still bad."""
    return [
        {
            "rejected_id": rows[bad["source_offset"]]["rejected_id"],
            "reason": bad["reason"],
            "problems": json.loads(bad["problems"]),
        }
        for bad in checked.rejected.to_pylist()
    ]


def _source_form(row: Mapping[str, Any], contract: Contract) -> str:
    """The row's text in the form of its source; versions up to 0.1.0 composed JSON with column names as keys for all."""
    raw: str = row["raw"]
    if not row["raw_rebuilt"] or not raw.startswith("{"):
        return raw
    return _from_column_names(raw, row["header"], contract) or raw


def _from_column_names(raw: str, header: Sequence[str] | None, contract: Contract) -> str | None:
    """A JSON object with column names as keys, in the form of its source; None where the text is not one."""
    is_flat = not header and all(column.source == (column.name,) for column in contract.message_columns)
    try:
        values = None if is_flat else json.loads(raw)
    except ValueError:
        return None
    if not isinstance(values, dict) or not set(values) <= {column.name for column in contract.message_columns}:
        return None
    if any(isinstance(value, dict | list) for value in values.values()):
        # Those versions wrote the texts of columns alone: it is the source's form, with a key that is called like a column.
        return None
    texts = {name: as_text(value) for name, value in values.items()}
    if header:
        by_name = {contract.column(name).source[0]: text for name, text in texts.items()}
        return compose_line(header, by_name, contract.source.format.dialect)
    return compose_json((contract.column(n).source, text, contract.column(n).type) for n, text in texts.items())
