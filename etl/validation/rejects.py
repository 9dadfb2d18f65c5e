"""Rejected rows: what is wrong with each, and the text of its message, as received or composed from its columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from etl.contract.model import ITEMS, LINEAGE_COLUMNS, Contract, column_name
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
    table, paths = aligned(pa.table(chunk), contract, paths)
    coordinates = {name: column_of(table, name).cast(kind) for name, kind in COORDINATES.items()}
    by_row = {
        row: [_with_value(table, row, problem, contract) for problem in row_problems]
        for row, row_problems in problems.items()
    }
    beside = {name: column_of(table, name) for name in contract.origins}
    return rejected_rows(table, coordinates, by_row, contract, headers, paths, beside)


def _with_value(table: pa.Table, row: int, problem: Problem, contract: Contract) -> Problem:
    if problem.column is None:
        return problem
    names = contract.column(problem.column).combine or (problem.column,)
    texts = [column_of(table, name)[row].as_py() for name in names]
    value = None if None in texts else " ".join(texts)[:VALUE_SHOWN]
    return replace(problem, value=value)


def aligned(table: pa.Table, contract: Contract, paths: Mapping[str, Path]) -> tuple[pa.Table, Mapping[str, Path]]:
    """Rows with the contract's names for their columns, whatever names these had when the rows were split; and where the values
    of columns with these names were.

    :param paths: column → where its values were in the source (`Column.place`); a column without a path is the contract's
        column of the same name.
    """
    read = [column for column in contract.columns if column.is_read]
    present = {*table.column_names}
    by_path = {path: name for name, path in paths.items() if name in present}
    by_path |= {c.place: c.name for c in read if paths.get(c.name) == c.place}
    wanted = {column.name: by_path.get(column.place) for column in read}
    moved = {new: old for new, old in wanted.items() if old is not None and old != new}
    # Columns with a name of the contract whose values came from another place in the source.
    foreign = {c.name for c in read if paths.get(c.name, c.place) != c.place} - moved.keys()
    foreign |= {c.name for c in contract.columns if not c.is_read and c.name in present}
    if not moved and not foreign:
        return table, paths
    columns, places = dict[str, pa.ChunkedArray](), dict(paths)
    for name in table.column_names:
        if name not in moved and name not in foreign and (name in wanted or name not in moved.values()):
            columns[name] = table[name]
        elif name not in moved.values():
            other = column_name(name, (*table.column_names, *contract.column_names, *columns))
            columns[other], places[other] = table[name], paths.get(name, (name,))
    return pa.table(columns | {new: table[old] for new, old in moved.items()}), places


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column as text; NULLs where the table does not have it."""
    place = table.schema.get_field_index(name)
    if place >= 0:
        return table.column(place)
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
    beside: Mapping[str, pa.ChunkedArray],
) -> pa.Table:
    """The rows that have problems: partition, offset, item, raw, raw_rebuilt, reason, problems (JSON).

    Where the contract has columns from beside the message, also `beside_message` (JSON: where from → text).

    :param coordinates: coordinate → its values in all rows, in their types.
    :param by_row: place of a rejected row → its problems; the first gives the reason.
    :param beside: column from beside the message → its texts in all rows.
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
            **({"beside_message": _beside_message(contract, beside, places)} if contract.origins else {}),
        }
    )


def _beside_message(contract: Contract, beside: Mapping[str, pa.ChunkedArray], places: pa.Array) -> pa.Array:
    texts = {origin: beside[name].take(places).to_pylist() for name, origin in contract.origins.items()}
    rows = ({origin: texts[origin][row] for origin in texts} for row in range(len(places)))
    given = ({origin: text for origin, text in row.items() if text is not None} for row in rows)
    return pa.array([json.dumps(row, ensure_ascii=False) if row else None for row in given], pa.string())


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
        present = {*table.column_names}
        declared = {column.name: column for column in contract.columns if column.name in present}
        data = [name for name in table.column_names if name not in LINEAGE_COLUMNS]
        places = {name: declared[name].place if name in declared else paths.get(name, (name,)) for name in data}
        # What was beside the message is not part of its text.
        self._paths = {name: place for name, place in places.items() if place[0] != ITEMS}
        self._types = {name: declared[name].type if name in declared else None for name in self._paths}

    def text(self, row: int) -> str:
        values = {name: self._table[name][row].as_py() for name in self._paths}
        header = self._headers.get(int(self._table["source_partition"][row].as_py()))
        if not header:
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
