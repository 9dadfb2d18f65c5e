"""The texts of a contract's columns in a chunk of rows, wherever the contract says that they are."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import Column, Contract
from etl.validation.kept_texts import RawRows
from etl.validation.rejects import column_of
from etl.validation.values.check import given_values


class ColumnTexts:
    """Columns by name: those of the chunk, those that are combined from others, and what takes the place of either."""

    def __init__(
        self,
        table: pa.Table,
        contract: Contract,
        raw_rows: RawRows,
        changes: Mapping[str, str],
        beside: Mapping[str, pa.ChunkedArray],
    ) -> None:
        """
        :param table: with the contract's names for its columns.
        :param changes: column → text that replaces every row's own value.
        :param beside: column that is not in messages → its texts, where the rows' own texts are all that is left of them.
        """
        self._table = table
        # Of thousands of columns, pyarrow makes a list of the names each time.
        self._names = frozenset(table.column_names)
        self._contract = contract
        self._raw_rows = raw_rows
        self._changes = changes
        self._beside = beside

    def of(self, column: Column) -> pa.ChunkedArray:
        """A column's texts as they came; NULL where there is none."""
        name = column.name
        if name in self._changes:
            return pa.chunked_array([pa.repeat(self._changes[name], self._table.num_rows)])
        if not column.is_read:
            made = self._combined(column) if column.combine else self._constant(column)
            return pc.coalesce(self._beside[name], made) if name in self._beside else made
        if column.origin:
            return self._beside[name] if name in self._beside else column_of(self._table, name)
        return column_of(self._table, name) if name in self._names else self._raw_rows.column(name)

    @property
    def beside_message(self) -> dict[str, pa.ChunkedArray]:
        """The columns that are beside the message."""
        return {column.name: self.of(column) for column in self._contract.columns if column.origin}

    def _constant(self, column: Column) -> pa.ChunkedArray:
        return pa.chunked_array([pa.repeat(column.constant, self._table.num_rows)])

    def _combined(self, column: Column) -> pa.ChunkedArray:
        """The texts of other columns with a blank between them; NULL where one of them has no value."""
        parts = (self._contract.column(name) for name in column.combine)
        return joined([given_values(self.of(part), part) for part in parts])


def joined(texts: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Texts with a blank between them; NULL where one of them is NULL."""
    found = pc.binary_join_element_wise(*texts, " ", null_handling="emit_null")
    return pa.chunked_array([found]) if isinstance(found, pa.Array) else found
