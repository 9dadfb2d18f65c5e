"""Reads the messages whose texts were kept in the column `raw`; values that are not in messages are not its concern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import Column, Contract
from etl.validation.message import Reading, read, shown_path, unsplit_reason
from etl.validation.reasons import Reason
from etl.validation.rejects import VALUE_SHOWN, Problem, column_of
from etl.validation.texts import as_text


class RawRows:
    """The rows that have their own text, read again one by one: their values, and what is wrong with the messages."""

    def __init__(
        self,
        table: pa.Table,
        coordinates: Mapping[str, pa.ChunkedArray],
        contract: Contract,
        headers: Mapping[int, tuple[str, ...]],
        changes: Mapping[str, str],
    ) -> None:
        self.problems: list[Problem] = []
        self.unknown: Counter[str] = Counter()
        """Key that the contract does not name → how many rows have it."""
        self._contract = contract
        self._changes = changes
        self._is_whole = _gives_reading(contract, changes)
        self._has_columns = any(column.name in table.column_names for column in contract.message_columns)
        self._size = table.num_rows
        self._texts: dict[int, Mapping[str, str | None]] = {}
        raw = column_of(table, "raw")
        rows = np.flatnonzero(pc.is_valid(raw).to_numpy())
        if not len(rows):
            return
        is_split = _has_any_value(table, contract).to_numpy()
        places = pa.array(rows)
        for row, message, item, partition in zip(
            rows.tolist(),
            raw.take(places).to_pylist(),
            coordinates["source_item"].take(places).to_pylist(),
            coordinates["source_partition"].take(places).to_pylist(),
            strict=True,
        ):
            header = headers.get(partition)
            reading = read(message, contract, item, header)
            has_values = not reading.unstorable and any(text is not None for text in reading.texts.values())
            if reading.reason is None and self._has_columns and not is_split[row] and has_values:
                # Python reads what Spark could not (too deep, or a number with too many digits), but Spark's columns are empty.
                reading = Reading(unsplit_reason(contract, header))
            self._examine(row, reading, counts_unknown=header is None or not self._has_columns)

    def _examine(self, row: int, reading: Reading, *, counts_unknown: bool) -> None:
        if reading.reason is not None:
            # A user who gives all required values does not need the message.
            if not self._is_whole:
                self.problems.append(Problem(row, reading.reason))
            return
        self._texts[row] = reading.texts
        for name in reading.nested - self._changes.keys():
            # A nested value arrives as its JSON text, which would be accepted as a text. A column that the feed has gained is
            # for whatever comes.
            column = self._contract.column(name)
            if column.type == "text" and not column.added:
                self._add(row, Reason.WRONG_TYPE, name, reading.texts[name])
        for name in reading.unstorable - self._changes.keys():
            self._add(row, Reason.INVALID_TEXT, name, reading.texts[name])
        for path, value in reading.unknown.items() if counts_unknown else ():
            key = shown_path(path)
            self.unknown[key] += 1
            if self._contract.unknown_keys == "discard":
                self._add(row, Reason.UNKNOWN_KEY, key, as_text(value) or "null")

    def _add(self, row: int, reason: Reason, column: str, value: str | None) -> None:
        self.problems.append(Problem(row, reason, column, (value or "")[:VALUE_SHOWN]))

    def column(self, name: str) -> pa.ChunkedArray:
        """A column from these rows' own texts; NULL in the other rows."""
        texts: list[str | None] = [None] * self._size
        for row, row_texts in self._texts.items():
            texts[row] = row_texts.get(name)
        return pa.chunked_array([pa.array(texts, pa.string())])


def _gives_reading(contract: Contract, changes: Mapping[str, str]) -> bool:
    """Whether a user has given a reading, with all that is required of it, so that its message is not needed.

    What is beside every message, or in every row, says nothing about a message that cannot be read.
    """
    given = [contract.column(name) for name in changes]
    needed = {contract.event_time.column, *(column.name for column in contract.columns if column.required)}
    return any(not (column.origin or column.constant) for column in given) and all(
        _is_given(contract.column(name), changes) for name in needed
    )


def _is_given(column: Column, changes: Mapping[str, str]) -> bool:
    """Whether a column's values do not depend on the message."""
    is_combined_so = bool(column.combine) and set(column.combine) <= set(changes)
    return column.name in changes or bool(column.origin or column.constant) or is_combined_so


def _has_any_value(table: pa.Table, contract: Contract) -> pa.ChunkedArray:
    """Whether any value that is read from messages is there."""
    present = pa.chunked_array([pa.array(np.zeros(table.num_rows, dtype=bool))])
    for column in contract.message_columns:
        present = pc.or_(present, pc.is_valid(column_of(table, column.name)))
    return present
