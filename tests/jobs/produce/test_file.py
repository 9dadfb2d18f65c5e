"""Messages of a file: whatever JSON files are made of, each message is sent as it is."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.contract.reader import Contract
from etl.errors import ConfigurationError, UnreadableFile
from etl.jobs.produce.file import is_csv, messages_of_file
from tests.support.file_records import packings, zstd


def values(contract: Contract, file: Path) -> list[bytes | None]:
    return [message.value for chunk in messages_of_file(file, contract) for message in chunk]


@pytest.mark.parametrize("packing", packings())
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "A.JSON.gz"])
def test_lines_are_sent_unchanged(tmp_path: Path, contract: Contract, name: str, packing: str) -> None:
    file = tmp_path / name
    file.write_bytes(packings()[packing](b'{"a": 1}\r\n\n{"a":\nno json\n'))
    assert values(contract, file) == [b'{"a": 1}', b'{"a":', b"no json"]


def test_the_elements_of_a_document_are_messages(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"a": 1.50}, {"a": 2}], indent=2))
    assert values(contract, tmp_path / "a.json") == [b'{"a":1.5}', b'{"a":2}']
    (tmp_path / "a.json").write_text("[1,\n2")
    with pytest.raises(UnreadableFile, match="not valid JSON"):
        values(contract, tmp_path / "a.json")


def test_lines_of_csv_become_objects_also_out_of_a_compressed_file(tmp_path: Path, contract: Contract) -> None:
    file = tmp_path / "a.csv.zst"
    file.write_bytes(zstd("sensor_id,temperature,place\n5,20.50,Süd\n".encode()))
    assert values(contract, file) == ['{"sensor_id":5,"temperature":20.50,"place":"Süd"}'.encode()]


@pytest.mark.parametrize(
    ("name", "problem"), [("a.xlsx", "a.xlsx is no .csv or .json"), ("gone.csv", "There is no file")]
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, contract: Contract, name: str, problem: str) -> None:
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(ConfigurationError, match=problem):
        values(contract, tmp_path / name)


@pytest.mark.parametrize("packing", packings())
@pytest.mark.parametrize("name", ["a.txt", "a.log", "a", "a.csv", "A.CSV.zst"])
@pytest.mark.parametrize("content", ['{"a": 1.50}\n{"a": 2}\n', '[\n {"a": 1.50},\n {"a": 2}\n]'])
def test_messages_in_json_are_sent_whatever_their_file_is_called(
    tmp_path: Path, contract: Contract, content: str, name: str, packing: str
) -> None:
    file = tmp_path / name
    file.write_bytes(packings()[packing](content.encode()))
    assert [json.loads(value or b"") for value in values(contract, file)] == [{"a": 1.5}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sensor_id;temperature\n5;20\n", "it begins with something other than JSON"),
        (b"[general]\n", "not valid JSON"),
        (gzip.compress(b'{"a": 1}\n')[:-9], "cannot be unpacked"),
        (b"\n", "a.txt is no .csv or .json"),
    ],
    ids=["CSV", "INI", "cut", "blank"],
)
def test_a_file_that_has_no_messages_and_another_name_is_refused(
    tmp_path: Path, contract: Contract, content: bytes, problem: str
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as refused:
        values(contract, tmp_path / "a.txt")
    assert "ends in .csv" in refused.value.remedy


@pytest.mark.parametrize("header", ["sensor_id", "[1]a,b", "{", "[,]", '"[1]"', "1"])
def test_csv_is_csv_although_its_header_is_strange(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n5\n")
    assert is_csv(tmp_path / "a.csv")


def test_the_key_is_found_where_the_contract_says(tmp_path: Path, contract: Contract) -> None:
    file = tmp_path / "changes.jsonl"
    file.write_text('{"after": {"id": "s8"}, "sensor_id": "s7"}\n{"after": null}\n')
    columns = [replace(c, path=("after", "id")) if c.name == contract.message_key else c for c in contract.columns]
    nested = replace(contract, columns=tuple(columns))
    assert [message.key for message in next(messages_of_file(file, nested))] == [b"s8", None]
