"""Divides a chunk of archived rows into readings and rejected rows with what is wrong with them.

Pure and vectorised: a chunk of text columns in, typed rows and a table of problems out. Only rows with their own message text
(`raw`, kept where something looked wrong to the consumer) are read one by one, to check whether the message was valid at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import ITEMS, LINEAGE_COLUMNS, Contract
from etl.validation.column_texts import ColumnTexts
from etl.validation.kept_texts import RawRows
from etl.validation.reasons import Reason
from etl.validation.rejects import COORDINATES, VALUE_SHOWN, Problem, aligned, column_of, group_by_row, rejected_rows
from etl.validation.structure import Path
from etl.validation.values.check import check_values, given_values

_INDEXED_BYTES = 2_600
"""Most bytes of the texts in a row's key and sensor, in UTF-8. An entry of a PostgreSQL index has at most 2,704 bytes."""


@dataclass(frozen=True)
class Validated:
    """A validated chunk: every row is either in `accepted` or in `rejected`."""

    accepted: pa.Table
    """The contract's columns in their types (times in UTC), then partition, offset and item."""
    rejected: pa.Table
    """partition, offset, item, raw, raw_rebuilt, reason, problems (JSON); and `beside_message`, where the contract has columns
    from there.
    """
    rejected_rows: tuple[int, ...]
    """Positions of the rejected rows in the chunk, ascending."""
    failures: Counter[tuple[str | None, Reason]]
    """How many rows break each rule of each column; column None is the message as a whole."""
    present: Mapping[str, int]
    """How many rows have a value in each of the contract's columns."""
    unknown: Counter[str]
    """How many rows have a key that the contract does not name."""


def validate(
    chunk: pa.RecordBatch | pa.Table,
    contract: Contract,
    *,
    now: datetime,
    headers: Mapping[int, tuple[str, ...]] | None = None,
    paths: Mapping[str, Path] | None = None,
    changes: Mapping[str, str] | None = None,
    beside: Mapping[str, pa.ChunkedArray] | None = None,
) -> Validated:
    """Check every rule of the contract on every row.

    A column that the chunk lacks, because the archive is older than the contract, is filled from the rows' own texts where they
    have them, else with NULL. So a chunk may also consist of rows with nothing but their own texts, and what was beside them.

    :param now: the current time, with a time zone; event times too far after it are rejected.
    :param headers: number of a CSV file in `source_partition` → its columns.
    :param paths: column of the chunk → where its values were in the source, by the contract of that time; a column without a
        path is the contract's column of the same name.
    :param changes: column → text that replaces every row's own value.
    :param beside: column that is not in messages → its texts, which take the place of those of the chunk.
    """
    changes, headers, paths = changes or {}, {n: names for n, names in (headers or {}).items() if names}, paths or {}
    table, paths = aligned(chunk if isinstance(chunk, pa.Table) else pa.table(chunk), contract, paths)
    coordinates = {name: column_of(table, name).cast(kind) for name, kind in COORDINATES.items()}
    raw_rows = RawRows(table, coordinates, contract, headers, changes)
    texts = ColumnTexts(table, contract, raw_rows, changes, beside or {})
    problems = raw_rows.problems
    unknown_columns = _unknown_columns(table, contract, paths)
    unknown = raw_rows.unknown + Counter(unknown_columns)
    if contract.unknown_keys == "discard":
        problems += _unknown_values(table, unknown_columns)
    typed, present = {}, {}
    for column in contract.columns:
        sent = texts.of(column)
        text = given_values(sent, column)
        present[column.name] = len(text) - text.null_count
        typed[column.name], column_problems = check_values(text, column, contract, now, sent=sent)
        problems += column_problems
    problems += _too_long_for_index(typed, contract)
    broken = {problem.row for problem in problems}
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(broken)] = False
    accepted = pa.table({**typed, **coordinates}).filter(pa.array(keep))
    by_row = group_by_row(problems)
    return Validated(
        accepted,
        rejected_rows(table, coordinates, by_row, contract, headers, paths, texts.beside_message),
        tuple(sorted(by_row)),
        Counter((problem.column, problem.reason) for row_problems in by_row.values() for problem in row_problems),
        present,
        unknown,
    )


def _unknown_columns(table: pa.Table, contract: Contract, paths: Mapping[str, Path]) -> dict[str, int]:
    """How many values there are in columns of the source that the contract does not name."""
    # What was beside the messages is no key of theirs.
    beside = (name for name, path in paths.items() if path[0] == ITEMS)
    expected = {*contract.read_names, *LINEAGE_COLUMNS, *beside}
    extra = [name for name in table.column_names if name not in expected]
    return {name: values for name in extra if (values := len(table) - table[name].null_count)}


def _unknown_values(table: pa.Table, names: Iterable[str]) -> Iterator[Problem]:
    """Every value in a column that the contract does not name."""
    for name in names:
        if name in table.column_names:
            for row in np.flatnonzero(pc.is_valid(table[name]).to_numpy()).tolist():
                yield Problem(row, Reason.UNKNOWN_KEY, name, table[name][row].as_py()[:VALUE_SHOWN])


def _too_long_for_index(typed: Mapping[str, pa.ChunkedArray], contract: Contract) -> Iterator[Problem]:
    """Rows whose key or sensor is too long for an index of a database."""
    columns = [column for column in contract.columns if column.name in contract.identifying and column.type == "text"]
    bound = sum(4 * column.max_length if column.max_length else 2 * _INDEXED_BYTES for column in columns)
    if bound <= _INDEXED_BYTES:
        return
    lengths = {c.name: pc.fill_null(pc.binary_length(typed[c.name]), 0).to_numpy() for c in columns}
    for row in np.flatnonzero(sum(lengths.values()) > _INDEXED_BYTES).tolist():
        name = max(lengths, key=lambda name: lengths[name][row])
        yield Problem(row, Reason.TOO_LONG, name, typed[name][row].as_py()[:VALUE_SHOWN])
