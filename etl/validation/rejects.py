"""Rejected rows: what is wrong with each, and the text of its message, as received or composed from its columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from etl.contract.model import LINEAGE_COLUMNS, Contract, column_name
from etl.validation.reasons import ORDER, Reason
from etl.validation.rebuilt_text import compose_json, compose_line
from etl.validation.structure import Path
from etl.validation.texts import storable

VALUE_SHOWN = 200
"""Most characters of a value that are kept with its problem."""
COORDINATES = {"source_partition": pa.int32(), "source_offset": pa.int64(), "source_item": pa.int32()}


@dataclass(frozen=True)
class Problem:
    """One rule that one value of one row breaks."""

    row: int
    reason: Reason
    column: str | None = None
    value: str | None = None


def rejected_as(
    chunk: pa.RecordBatch,
    contract: Contract,
    problems: Mapping[int, list[Problem]],
    *,
    headers: Mapping[int, tuple[str, ...]],
    paths: Mapping[str, Path],
) -> pa.Table:
    """Rows that are rejected after their validation, in the form of `Validated.rejected`.

    :param problems: place of a rejected row → its problems; a problem of a column gets the row's text there as its value.
    """
    table = aligned(pa.table(chunk), contract, paths)
    coordinates = {name: column_of(table, name).cast(kind) for name, kind in COORDINATES.items()}
    by_row = {
        row: [_with_value(table, row, problem) for problem in row_problems] for row, row_problems in problems.items()
    }
    return rejected_rows(table, coordinates, by_row, contract, headers, paths)


def _with_value(table: pa.Table, row: int, problem: Problem) -> Problem:
    if problem.column is None:
        return problem
    text = column_of(table, problem.column)[row].as_py()
    return replace(problem, value=text[:VALUE_SHOWN] if text else text)


def aligned(table: pa.Table, contract: Contract, paths: Mapping[str, Path]) -> pa.Table:
    """Rows with the contract's names for their columns, whatever names these had when the rows were split.

    :param paths: column → where its values were in the source; a column without a path is the contract's column of the same
        name.
    """
    by_path = {path: name for name, path in paths.items() if name in table.column_names}
    by_path |= {c.source: c.name for c in contract.columns if paths.get(c.name) == c.source}
    wanted = {column.name: by_path.get(column.source) for column in contract.columns}
    moved = {new: old for new, old in wanted.items() if old is not None and old != new}
    # Columns with a name of the contract whose values came from another place in the source.
    foreign = {c.name for c in contract.columns if paths.get(c.name, c.source) != c.source} - moved.keys()
    if not moved and not foreign:
        return table
    columns: dict[str, pa.ChunkedArray] = {}
    for name in table.column_names:
        if name not in moved and name not in foreign and (name in wanted or name not in moved.values()):
            columns[name] = table[name]
        elif name not in moved.values():
            columns[column_name(name, (*table.column_names, *contract.column_names, *columns))] = table[name]
    return pa.table(columns | {new: table[old] for new, old in moved.items()})


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column as text; NULLs where the table does not have it."""
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


# --- the rejected rows -----------------------------------------------------------------------------------------------


def group_by_row(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    """The problems of each broken row, each once, in the order of the reasons."""
    by_row: dict[int, dict[tuple[str | None, Reason], Problem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, {}).setdefault((problem.column, problem.reason), problem)
    ordered = {}
    for row, row_problems in by_row.items():
        of_message = [problem for problem in row_problems.values() if problem.column is None]
        # A message that could not be split has no values; reporting each of them as missing would add nothing.
        ordered[row] = sorted(of_message or row_problems.values(), key=lambda problem: ORDER[problem.reason])
    return ordered


def rejected_rows(
    table: pa.Table,
    coordinates: Mapping[str, pa.ChunkedArray],
    by_row: Mapping[int, list[Problem]],
    contract: Contract,
    headers: Mapping[int, tuple[str, ...]],
    paths: Mapping[str, Path],
) -> pa.Table:
    """The rows that have problems: partition, offset, item, raw, raw_rebuilt, reason, problems (JSON).

    :param coordinates: coordinate → its values in all rows, in their types.
    :param by_row: place of a rejected row → its problems; the first gives the reason.
    """
    rows = sorted(by_row)
    places = pa.array(rows, pa.int64())
    own_text = column_of(table, "raw").take(places).to_pylist()
    composer = _Composer(table, contract, headers, paths)
    texts = [composer.text(row) if own is None else own for row, own in zip(rows, own_text, strict=True)]
    return pa.table(
        {
            **{name: column.take(places) for name, column in coordinates.items()},
            "raw": pa.array(texts, pa.string()),
            "raw_rebuilt": pa.array([own is None for own in own_text], pa.bool_()),
            "reason": pa.array([by_row[row][0].reason.value for row in rows], pa.string()),
            "problems": pa.array([as_json(by_row[row]) for row in rows], pa.string()),
        }
    )


class _Composer:
    """Composes the message of a row from its columns. Rows that looked valid when they were split did not keep their text.

    The message also has the columns that the contract does not name (any more).
    """

    def __init__(
        self,
        table: pa.Table,
        contract: Contract,
        headers: Mapping[int, tuple[str, ...]],
        paths: Mapping[str, Path],
    ) -> None:
        self._table = table
        self._headers = headers
        self._dialect = contract.source.format.dialect
        declared = {column.name: column for column in contract.columns if column.name in table.column_names}
        data = [name for name in table.column_names if name not in LINEAGE_COLUMNS]
        self._paths = {name: declared[name].source if name in declared else paths.get(name, (name,)) for name in data}
        self._types = {name: declared[name].type if name in declared else None for name in self._paths}

    def text(self, row: int) -> str:
        values = {name: self._table[name][row].as_py() for name in self._paths}
        header = self._headers.get(int(self._table["source_partition"][row].as_py()))
        if header is None:
            return compose_json(
                (self._paths[name], text, self._types[name] or "text")
                for name, text in values.items()
                if text is not None or self._types[name]
            )
        return compose_line(header, {self._paths[name][0]: text for name, text in values.items()}, self._dialect)


def as_json(problems: list[Problem]) -> str:
    """Problems in the form of the quarantine."""
    entries = [{"column": p.column, "rule": p.reason.value, "value": storable(p.value)} for p in problems]
    return json.dumps(entries, ensure_ascii=False)
