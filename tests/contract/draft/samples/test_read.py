"""Samples as they are read: formats by content, packed files, several files, bounds."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import RECORDS
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.errors import ConfigurationError
from tests.contract.draft.samples.conftest import ReadText

MESSAGE = {"id": "a", "v": 1.5}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.json", "{", "cannot be read"),
        ("s.json", "[]", "has no records"),
        ("s.json", "time,v\n1,2\n", "is not JSON"),
        ("s.json", "{'id': 1}", "Python's notation"),
        ("s.json", '[[["a"]]]', "has no records"),
        ("s.jsonl", "[1]\n", "has no records"),
        ("s.jsonl", '"text"\n', "is not JSON"),
        ("s.csv", "", "is empty"),
        ("s.csv", "\n \n", "is blank"),
        ("s.csv", "time,v\n", "has no records"),
        ("s.txt", "Dear reader,\nthis is prose.\nGoodbye\n", "neither JSON nor lines"),
        ("s.log", 'home/kitchen {"t": 1}\nhome/bath {"t": 2}\n', "text before each JSON object: 'home/kitchen'"),
        ("s.txt", "weather,place=a temp=1.5 1750000000000000000\n" * 3, "line protocol"),
        ("s.txt", "time   v\n1      2.5\n10     3.5\n", "runs of blanks"),
        ("s.html", "<!doctype html><p>", "is XML or HTML"),
    ],
)
def test_a_sample_that_cannot_be_used_is_named(read: ReadText, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read(text, name)
    assert name in caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["s.json", "s.jsonl", "s.ndjson", "s.txt", "s"])
def test_messages_a_line_are_read_whatever_the_file_is_called(read: ReadText, name: str) -> None:
    sample = read(f"{json.dumps(MESSAGE)}\r\n" * 3, name)
    assert (sample.form, sample.records) == (JsonObjects(), [MESSAGE] * 3)


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.txt", "s.dat", "s.log"])
def test_lines_of_fields_are_read_whatever_the_file_is_called(read: ReadText, name: str) -> None:
    sample = read("time\tv\n2025-06-15T00:00:00Z\t1.5\n", name)
    assert sample.form.dialect.delimiter == "\t"
    assert sample.records == [{"time": "2025-06-15T00:00:00Z", "v": "1.5"}]


@pytest.mark.parametrize("packed", ["s.csv.gz", "s.csv.zst", "without-ending"])
def test_packed_files_are_read_by_their_content(tmp_path: Path, packed: str) -> None:
    text = b"time,v\n2025-06-15T00:00:00Z,1.5\n" * 2
    file = tmp_path / packed
    if packed.endswith(".zst"):
        with pa.CompressedOutputStream(str(file), "zstd") as stream:
            stream.write(text)
    else:
        file.write_bytes(gzip.compress(text))
    sample = read_sample([file])
    assert sample.form == CsvLines()
    assert sample.records[0]["v"] == "1.5"


def test_the_rows_of_parquet_are_objects(tmp_path: Path) -> None:
    file = tmp_path / "s.parquet"
    noon = datetime(2025, 6, 15, 12, tzinfo=UTC)
    rows = [{"id": "a", "v": 1.5, "at": {"x": [1, 2]}, "bad": float("nan"), "time": noon}] * 3
    pq.write_table(pa.Table.from_pylist(rows), file)
    sample = read_sample([file])
    assert sample.form == ParquetRows()
    assert (
        sample.records
        == [{"id": "a", "v": 1.5, "at": {"x": [1, 2]}, "bad": "NaN", "time": "2025-06-15T12:00:00.000000Z"}] * 3
    )
    (tmp_path / "t.parquet.gz").write_bytes(gzip.compress(file.read_bytes()))
    assert read_sample([tmp_path / "t.parquet.gz"]).records == sample.records


def test_a_damaged_parquet_file_is_named(read: ReadText) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(b"PAR1" + bytes(100), "s.parquet")


def test_no_more_is_read_than_what_decides(tmp_path: Path) -> None:
    for name, line, head in (("s.csv", "{},1.5\n", "id,v\n"), ("s.jsonl", '{{"id": {}, "v": 1.5}}\n', "")):
        file = tmp_path / name
        file.write_text(head + "".join(line.format(number) for number in range(10_000, 50_000)))
        sample = read_sample([file])
        assert len(sample.records) == RECORDS
        assert sample.left == pytest.approx(30_000, rel=0.01)
    pq.write_table(pa.table({"id": list(range(12_345))}), tmp_path / "s.parquet")
    assert read_sample([tmp_path / "s.parquet"]).left == 2_345


def test_several_files_are_one_sample(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        (tmp_path / f"{day}.csv").write_text("time;v\n" + f"2025-06-0{day}T00:00:00Z;1,5\n" * 4000)
    for given in ([tmp_path / "1.csv", tmp_path / "2.csv", tmp_path / "3.csv"], [tmp_path / "*.csv"]):
        sample = read_sample(given)
        assert len(sample.records) == RECORDS
        assert {record["time"][9:10] for record in sample.records} == {"1", "2", "3"}
        assert [file.name for file in sample.files] == ["1.csv", "2.csv", "3.csv"]
        assert sample.name == "1.csv, 2.csv, 3.csv"
        assert sample.questions == {}


def test_files_of_different_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.json").write_text('{"a": 1}')
    with pytest.raises(ConfigurationError, match=r"a\.csv is CSV and b\.json is JSON"):
        read_sample([tmp_path / "a.csv", tmp_path / "b.json"])


def test_what_files_differ_in_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,v\n2025-06-15T00:00:00Z,1.5\n" * 1)
    (tmp_path / "b.csv").write_text("Station\n\ntime;v\n2025-06-15T00:00:00Z;1.5\n2025-06-15T00:01:00Z;1.5\n")
    sample = read_sample([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert sample.questions["csv.delimiter"] == '"," (as in a.csv), or ";" (as in b.csv)'
    assert sample.questions["csv.skipRows"] == "0 (as in a.csv), or 2 (as in b.csv)"


def test_a_file_in_plain_ascii_does_not_contradict_the_encoding_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,t\n2025-06-15T00:00:00Z,a\n")
    (tmp_path / "b.csv").write_bytes("time,t\n2025-06-15T00:00:00Z,Küche\n".encode("cp1252"))
    sample = read_sample([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert (sample.form.dialect.encoding, sample.questions) == ("cp1252", {})


def test_columns_that_some_files_lack_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,v\n2025-06-15T00:00:00Z,1\n")
    (tmp_path / "b.csv").write_text("time,w\n2025-06-15T00:00:00Z,1\n")
    evidence = read_sample([tmp_path / "a.csv", tmp_path / "b.csv"]).evidence
    assert "column 'v' is not in b.csv" in evidence


def test_a_folder_is_answered_with_its_files(tmp_path: Path) -> None:
    for name in ("a.sed", "b.csv", "c.csv.gz", "d.json"):
        (tmp_path / name).write_text("a,b\n")
    with pytest.raises(ConfigurationError, match="is a folder") as caught:
        read_sample([tmp_path])
    assert caught.value.remedy == f"Give its files: --from {tmp_path}/*.csv*"
