"""Messages of a file: whatever JSON files are made of, each message is sent as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.contract.reader import Contract
from etl.errors import ConfigurationError, UnreadableFile
from etl.jobs.produce.file import messages_of_file
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


def test_the_key_is_found_where_the_contract_says(tmp_path: Path, contract: Contract) -> None:
    file = tmp_path / "changes.jsonl"
    file.write_text('{"after": {"id": "s8"}, "sensor_id": "s7"}\n{"after": null}\n')
    columns = [replace(c, path=("after", "id")) if c.name == contract.message_key else c for c in contract.columns]
    nested = replace(contract, columns=tuple(columns))
    assert [message.key for message in next(messages_of_file(file, nested))] == [b"s8", None]
