"""The audit tables' indexes."""

from __future__ import annotations

import pytest

from etl.database.schema.tables.all_tables import metadata


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("etl_file", ["log_id"]),
        ("etl_rejected_row", ["log_id"]),
        ("etl_rejected_row", ["replayed_by"]),
        ("etl_rejected_row", ["status", "reason"]),
        ("etl_rejected_row", ["feed", "status", "reason"]),
        ("etl_anomaly", ["log_id"]),
        ("etl_quality", ["log_id"]),
        ("etl_quality_score", ["log_id"]),
        ("etl_set_aside", ["log_id"]),
    ],
)
def test_rows_of_a_load_are_found_without_those_of_other_feeds(table: str, columns: list[str]) -> None:
    found = metadata.tables[table]
    indexes = [list(index.columns.keys()) for index in found.indexes if index.dialect_kwargs.get("mssql_where") is None]
    keys = [*indexes, list(found.primary_key.columns.keys())]
    assert any(key[: len(columns)] == columns for key in keys)
