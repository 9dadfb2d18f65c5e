"""Parquet files: each row becomes the JSON object with the same keys, and values keep what they are."""

from __future__ import annotations

import decimal
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.contract.formats.arrow_json import as_objects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.jobs.consume.files import parquet_file
from etl.jobs.consume.files.readers import read_file
from tests.support.file_records import counts_of, packings, rows_of

AT = datetime(2025, 6, 15, 9, 12, 1, 250_000, tzinfo=UTC)
METERS = Contract(
    feed="meters",
    source=LandingFolder("landing/meters", ParquetRows()),
    table="meters",
    columns=(
        Column("meter", "text", required=True, path=("meterId",)),
        Column("power", "double"),
        Column("at", "timestamp", required=True),
    ),
    primary_key=(),
    event_time=EventTime("at"),
    sensor=("meter",),
)


def written(tmp_path: Path, table: pa.Table, **options: Any) -> Path:
    file = tmp_path / "meters.parquet"
    pq.write_table(table, file, **options)
    return file


def meters(count: int) -> pa.Table:
    return pa.table(
        {"meterId": [f"m{n}" for n in range(count)], "power": [n / 2 for n in range(count)], "at": [AT] * count}
    )


BERLIN = pa.array([AT], pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Europe/Berlin"))
VALUES: list[tuple[pa.Array, str]] = [
    (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    (pa.array([True]), "true"),
    (pa.array([0.1]), "0.1"),
    (pa.array([1e22]), "1e+22"),
    (pa.array([0.1], pa.float32()).cast(pa.float64()), "0.10000000149011612"),
    (pa.array([0.1], pa.float32()), "0.1"),
    (pa.array([float("nan")]), "NaN"),
    (pa.array([float("-inf")]), "-Infinity"),
    (pa.array([decimal.Decimal("12345678901234567890.1200")]), "12345678901234567890.1200"),
    (pa.array([decimal.Decimal("0.0000001")]), "0.0000001"),
    (pa.array(['say "ü"\n']), '"say \\"ü\\"\\n"'),
    (pa.array(["a"]).dictionary_encode(), '"a"'),
    (pa.array([None]), "null"),
    (pa.array([None], pa.int64()), "null"),
    (pa.array([AT]), '"2025-06-15T09:12:01.250000Z"'),
    (BERLIN, '"2025-06-15T09:12:01.250000Z"'),
    (pa.array([AT.replace(tzinfo=None)]), '"2025-06-15T09:12:01.250000"'),
    (pa.array([1_749_978_721_123_456_789], pa.timestamp("ns", "UTC")), '"2025-06-15T09:12:01.123456789Z"'),
    (pa.array([1_749_978_721], pa.timestamp("s")), '"2025-06-15T09:12:01"'),
    (pa.array([date(2025, 6, 15)]), '"2025-06-15"'),
    (pa.array([time(9, 12, 1)], pa.time32("s")), '"09:12:01"'),
    (pa.array([timedelta(seconds=2)], pa.duration("ms")), "2000"),
    (pa.array(["ü".encode()]), '"ü"'),
    (pa.array([b"\xff\x00"]), '"ff00"'),
    (pa.array([[1, None], None, []]), "[1,null]"),
    (pa.array([{"a": 1, "b": [{"c": "x"}]}]), '{"a":1,"b":[{"c":"x"}]}'),
    (pa.array([[("k", 1.5), ("l", None)]], pa.map_(pa.string(), pa.float64())), '{"k":1.5,"l":null}'),
    (pa.array([[(1, "x")]], pa.map_(pa.int32(), pa.string())), '{"1":"x"}'),
    (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), "[1,2]"),
]


@pytest.mark.parametrize(("array", "literal"), VALUES, ids=[str(array.type) for array, _ in VALUES])
def test_a_value_becomes_what_it_is_in_json(array: pa.Array, literal: str) -> None:
    text = next(as_objects(pa.record_batch({"v": array})))
    assert text == f'{{"v":{literal}}}'


def test_nested_values_keep_their_places_also_in_a_slice() -> None:
    kind = pa.list_(pa.struct([("a", pa.list_(pa.int64())), ("m", pa.map_(pa.string(), pa.int64()))]))
    values: list[Any] = [
        None,
        [],
        [{"a": [1], "m": [("x", 1)]}, None],
        [{"a": None, "m": None}],
        [{"a": [], "m": []}, {"a": [2, 3], "m": [("y", 2), ("z", None)]}],
    ]
    batch = pa.record_batch({"v": pa.array(values, kind)})
    expected: list[Any] = [None, [], [{"a": [1], "m": {"x": 1}}, None], [{"a": None, "m": None}]]
    expected.append([{"a": [], "m": {}}, {"a": [2, 3], "m": {"y": 2, "z": None}}])
    for start in range(len(values)):
        assert [json.loads(text)["v"] for text in as_objects(batch.slice(start))] == expected[start:]


@pytest.mark.parametrize("packing", packings())
def test_rows_are_numbered_across_row_groups(tmp_path: Path, packing: str) -> None:
    file = written(tmp_path, meters(25_000), row_group_size=7_000)
    file.write_bytes(packings()[packing](file.read_bytes()))
    found = rows_of(METERS, file)
    assert [row["source_offset"] for row in found] == [str(n) for n in range(1, 25_001)]
    assert found[24_999]["meter"] == "m24999"
    assert found[24_999] | {"source_offset": "", "meter": ""} == {
        "meter": "",
        "power": "12499.5",
        "at": "2025-06-15T09:12:01.250000Z",
        "source_offset": "",
        "source_item": "0",
        "raw": None,
    }


def test_a_row_that_looks_wrong_keeps_its_text(tmp_path: Path) -> None:
    table = pa.table({"meterId": ["a", None, "c"], "power": ["much", "1", None], "at": [AT] * 3})
    file = written(tmp_path, table)
    assert [row["raw"] for row in rows_of(METERS, file)] == [
        '{"meterId":"a","power":"much","at":"2025-06-15T09:12:01.250000Z"}',
        '{"meterId":null,"power":"1","at":"2025-06-15T09:12:01.250000Z"}',
        None,
    ]
    assert counts_of(METERS, file) == (3, 0)


def test_readings_in_a_list_are_rows(tmp_path: Path) -> None:
    contract = replace(
        METERS,
        columns=(
            Column("meter", "text", required=True, path=("all", "[]", "id")),
            Column("at", "timestamp", required=True),
        ),
        explode=(("all",),),
    )
    table = pa.table({"at": [AT, AT], "all": [[{"id": "a"}, {"id": "b"}], [{"id": "c"}]]})
    found = rows_of(contract, written(tmp_path, table))
    assert [(row["source_offset"], row["source_item"], row["meter"]) for row in found] == [
        ("1", "0", "a"),
        ("1", "1", "b"),
        ("2", "0", "c"),
    ]


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    assert rows_of(METERS, written(tmp_path, meters(0))) == []


def test_what_is_no_parquet_file_is_unreadable(tmp_path: Path) -> None:
    file = written(tmp_path, meters(20_000), row_group_size=5_000)
    whole = file.read_bytes()
    for broken in (b"", b"PAR1", whole[:-5], whole[: len(whole) // 2], whole[:3_000] + bytes(2_000) + whole[5_000:]):
        file.write_bytes(broken)
        with pytest.raises(UnreadableFile, match="no Parquet file that can be read"):
            rows_of(METERS, file)


def test_a_file_that_lacks_a_required_column_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="it has no column 'meterId'") as told:
        rows_of(METERS, written(tmp_path, meters(3).rename_columns(["id", "power", "at"])))
    assert told.value.seen == "it has id, power, at"


def test_what_goes_wrong_with_the_rows_is_not_the_file_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, meters(3))
    for error in (pa.ArrowInvalid("the consumer's"), OSError("the consumer's"), pa.ArrowMemoryError("too large")):
        with (
            pytest.raises(type(error), match=str(error)),
            read_file(METERS, ParquetRows(), file, 0) as records,
        ):
            assert next(iter(records.chunks)).records == 3
            raise error

    def too_large(_: pa.RecordBatch) -> list[str]:
        raise pa.ArrowMemoryError("too large")

    monkeypatch.setattr(parquet_file, "as_objects", too_large)
    with pytest.raises(MemoryError, match="too large"):
        rows_of(METERS, file)
