"""A sample is read as the jobs read it, and tried in bounded time and memory."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample, TopicMessage
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.model import Contract
from etl.contract.reader import parse_contract
from etl.errors import ConfigurationError
from etl.jobs.produce.file import messages_of_file
from etl.operations.feeds.try_out import try_files, try_sample

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: tanks
name: tanks
version: 1.0.0
status: active
servers:
  - server: source
{server}
schema:
  - name: tanks
    physicalName: tanks
    properties:
      - {{name: at, logicalType: timestamp, primaryKey: true, primaryKeyPosition: 2}}
      - {{name: tank, logicalType: string, primaryKey: true, primaryKeyPosition: 1{more}}}
      - {{name: level, logicalType: number}}
customProperties:
  - property: eventTime
    value: {{column: at}}
"""
TOPIC = "    type: kafka\n    host: x\n    format: json\n    customProperties: [{property: topic, value: tanks}]"
FOLDER = "    type: local\n    path: landing/tanks\n    format: "


def contract_of(server: str, more: str = "") -> Contract:
    return parse_contract(CONTRACT.format(server=server, more=more), Path("tanks.odcs.yaml"))


def records(number: int) -> list[dict[str, Any]]:
    return [{"at": f"2025-06-15T09:00:{n:02d}Z", "tank": "north", "level": n / 10} for n in range(number)]


def write(file: Path, number: int) -> Path:
    rows = records(number)
    lines = [json.dumps(row) for row in rows]
    contents = {
        ".jsonl": "\n".join(lines).encode(),
        ".json": json.dumps(rows, indent=2).encode(),
        ".csv": "\n".join(["at,tank,level", *(",".join(map(str, row.values())) for row in rows)]).encode(),
        ".gz": gzip.compress("\n".join(lines).encode()),
    }
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        file.write_bytes(contents[file.suffix.lower()])
    return file


@pytest.mark.parametrize(
    ("server", "name"),
    [
        (TOPIC, "s.jsonl"),
        (TOPIC, "s.json"),
        (TOPIC, "s.csv"),
        (TOPIC, "S.CSV"),
        (TOPIC, "s.jsonl.gz"),
        (f"{FOLDER}csv", "s.csv"),
        (f"{FOLDER}json", "s.json"),
        (f"{FOLDER}parquet", "s.parquet"),
    ],
)
def test_a_sample_is_read_in_the_form_of_the_feed(server: str, name: str, tmp_path: Path) -> None:
    file = write(tmp_path / name, 9)
    tried = try_files(contract_of(server), [file])
    assert (tried.records, tried.readings, tried.loaded, tried.fits) == (9, 9, 9, True)


@pytest.mark.parametrize("name", ["s.txt", "s.csv", "s.csv.old", "s"])
def test_messages_in_json_are_tried_as_they_are_sent_whatever_their_file_is_called(name: str, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", 9).rename(tmp_path / name)
    tried = try_files(contract_of(TOPIC), [file])
    assert (tried.records, tried.loaded, tried.fits) == (9, 9, True)
    sent = [message for chunk in messages_of_file(file, contract_of(TOPIC)) for message in chunk]
    assert len(sent) == len(read_sample([file]).records) == 9


def test_lines_that_would_not_be_sent_are_not_tried(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", 9).rename(tmp_path / "s.csv.old")
    tried = try_files(contract_of(TOPIC), [file])
    assert (tried.records, [*tried.unreadable]) == (0, ["s.csv.old"])
    with pytest.raises(ConfigurationError, match=r"s\.csv\.old is no \.csv"):
        next(messages_of_file(file, contract_of(TOPIC)))


def test_the_same_file_given_twice_is_a_duplicate(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", 9)
    tried = try_files(contract_of(TOPIC), [file, file])
    assert (tried.records, tried.loaded, tried.duplicate, tried.fits) == (18, 9, 9, True)


def test_no_more_than_some_records_are_tried(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.jsonl", 5) for n in range(3)]
    contract = contract_of(TOPIC)
    tried = try_files(contract, files, most=6)
    assert (tried.records, tried.is_whole) == (10, False)
    assert try_files(contract, files, most=15).is_whole


def test_a_file_that_a_job_would_set_aside_does_not_fit(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.csv", 9), tmp_path / "bad.csv"
    bad.write_text("when,where\n")
    tried = try_files(contract_of(f"{FOLDER}csv"), [good, bad])
    assert tried.loaded == 9
    assert "lacks 'at', 'tank'" in tried.unreadable["bad.csv"]
    assert not tried.fits


def test_what_is_no_file_is_named_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, problem in ((tmp_path / "pipe", "is a pipe"), (tmp_path, "is a folder"), (tmp_path / "no", "not exist")):
        with pytest.raises(ConfigurationError, match=problem):
            try_files(contract_of(TOPIC), [path])


KEYS: list[dict[str, str]] = [{"key": "north"}, {"key": "south"}, {}]


def of_topic(*messages: tuple[bytes | None, dict[str, str]]) -> Sample:
    return Sample("topic tanks", JsonObjects(), [], messages=tuple(TopicMessage(*message) for message in messages))


def test_messages_of_a_topic_that_are_no_records_are_tried_as_well() -> None:
    good = [json.dumps(row).encode() for row in records(3)]
    tried = try_sample(contract_of(TOPIC), of_topic(*((value, {}) for value in [*good, b"offline", b"[]", None])))
    assert (tried.records, tried.loaded) == (6, 3)
    assert {r.reason: r.rows for r in tried.rejections} == {"not_json": 1, "not_object": 1, "tombstone": 1}
    assert not tried.fits


def test_a_message_that_was_sent_twice_is_a_duplicate_whenever_it_arrived() -> None:
    text = CONTRACT.format(server=TOPIC, more="")
    received = (
        "      - {name: received, logicalType: timestamp, customProperties: [{property: from, value: broker_time}]}\n"
    )
    contract = parse_contract(
        text.replace("customProperties:\n", f"{received}customProperties:\n", 1), Path("tanks.odcs.yaml")
    )
    value = json.dumps(records(1)[0]).encode()
    tried = try_sample(contract, of_topic(*((value, {"broker_time": f"2025-06-15T10:00:0{n}Z"}) for n in range(2))))
    assert (tried.loaded, tried.duplicate, tried.conflicting) == (1, 1, 0)


def test_messages_of_a_topic_have_what_is_beside_them() -> None:
    contract = contract_of(TOPIC, ", customProperties: [{property: from, value: key}]")
    rows = [{"at": row["at"], "level": row["level"]} for row in records(3)]
    sample = of_topic(*((json.dumps(row).encode(), beside) for row, beside in zip(rows, KEYS, strict=True)))
    tried = try_sample(contract, sample)
    assert (tried.loaded, tried.rejected, tried.sensors) == (2, 1, 2)
    assert (tried.rejections[0].reason, tried.rejections[0].column) == ("missing", "tank")


def test_messages_of_a_file_have_what_they_will_have_when_they_are_sent(tmp_path: Path) -> None:
    text = CONTRACT.format(server=TOPIC, more=", customProperties: [{property: from, value: topic}]")
    text = text.replace("name: at, ", "name: at, customProperties: [{property: from, value: broker_time}], ")
    (tmp_path / "s.jsonl").write_text('{"level": 1.5}\n')
    tried = try_files(parse_contract(text, Path("tanks.odcs.yaml")), [tmp_path / "s.jsonl"])
    assert (tried.loaded, tried.rejections) == (1, ())


def test_a_sample_of_files_is_tried_from_the_files(tmp_path: Path) -> None:
    sample = read_sample([write(tmp_path / "s.csv", 9)])
    assert try_sample(contract_of(f"{FOLDER}csv"), sample).loaded == 9
