"""Files of JSON as loggers and exports write them: lines, or one document; whatever is wrong is kept as its own text."""

from __future__ import annotations

import codecs
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.formats.json_objects import JsonObjects
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.jobs.consume.files import message_rows
from etl.jobs.consume.files.quick_messages import QuickMessages
from etl.validation.message import read
from etl.validation.reasons import Reason
from etl.validation.texts import encode_raw
from tests.support.file_records import Row, counts_of, rows_of

T = "2025-06-15T09:12:01Z"
FLAT = Contract(
    feed="meters",
    source=LandingFolder("landing/meters", JsonObjects()),
    table="meters",
    columns=(
        Column("meter", "text", required=True, path=("meterId",)),
        Column("power", "double"),
        Column("at", "timestamp", required=True),
        Column("on", "boolean"),
    ),
    primary_key=(),
    event_time=EventTime("at"),
    sensor=("meter",),
)
NESTED = replace(
    FLAT,
    columns=(
        Column("site", "text", required=True, path=("site", "name")),
        Column("meter", "text", required=True, path=("data", "meters", "[]", "id")),
        Column("power", "double", path=("data", "meters", "[]", "power")),
        Column("at", "timestamp", required=True),
    ),
    explode=(("data", "meters"),),
)


def rows(tmp_path: Path, content: str | bytes, contract: Contract = FLAT) -> list[Row]:
    return rows_of(contract, written(tmp_path, content))


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "meters.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def good(number: int) -> str:
    return json.dumps({"meterId": f"m{number}", "power": number + 0.5, "at": T, "on": True})


def offsets(found: list[Row]) -> list[str | None]:
    return [row["source_offset"] for row in found]


def test_each_line_is_a_message_and_keeps_its_number(tmp_path: Path) -> None:
    found = rows(tmp_path, f"\n{good(1)}\r\n   \n{good(2)}")
    assert found[0] == {
        "meter": "m1",
        "power": "1.5",
        "at": T,
        "on": "true",
        "source_offset": "2",
        "source_item": "0",
        "raw": None,
    }
    assert offsets(found) == ["2", "4"]


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, f'{{"meterId":"m","power":21.500000000000000000001,"at":"{T}"}}')
    assert row["power"] == "21.500000000000000000001"


BAD = [
    '{"meterId":"m","power":1',
    "[1]",
    "7",
    '{"meterId":"m","meterId":"m","at":"x"}',
    '{"meterId":"m\\u0000","power":1,"at":"2025-06-15T09:12:01Z"}',
    '{"meterId":{"a":1},"power":1,"at":"2025-06-15T09:12:01Z"}',
    '{"meterId":"m","power":NaN,"at":"2025-06-15T09:12:01Z"}',
    '{"meterId":"m","power":"much","at":"2025-06-15T09:12:01Z"}',
    '{"meterId":"m","power":1,"at":"2025-06-15T09:12:01Z","extra":1}',
    '{"power":1,"at":"2025-06-15T09:12:01Z"}',
    "\\x00",
    "\udcff",
    '{"a":' * 3_000,
]


def test_a_line_that_looks_wrong_keeps_its_text_and_its_neighbours_do_not(tmp_path: Path) -> None:
    content = "\n".join(text for bad in BAD for text in (good(0), bad)).encode("utf-8", "surrogateescape")
    found = rows(tmp_path, content)
    assert len(found) == 2 * len(BAD)
    assert {row["raw"] for row in found[::2]} == {None}
    assert [row["raw"] for row in found[1::2]] == [encode_raw(bad.encode("utf-8", "surrogateescape")) for bad in BAD]


def test_records_that_cannot_be_split_are_counted(tmp_path: Path) -> None:
    file = written(tmp_path, "\n".join([good(0), '{"meterId":"m"', "[1]", '{"power":1}']))
    assert counts_of(FLAT, file) == (4, 2)


def test_an_object_over_several_lines_is_one_message(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, json.dumps(json.loads(good(4)), indent=1))
    assert (row["meter"], row["source_offset"], row["raw"]) == ("m4", "1", None)


def test_the_text_of_an_element_is_its_own_without_the_blanks_between_values(tmp_path: Path) -> None:
    text = '[\n {"meterId" : "a  b\\" ,  c",\n "power": 1.50, "power": 2e5 }\n, 5\n]'
    found = rows(tmp_path, text)
    assert [row["raw"] for row in found] == ['{"meterId":"a  b\\" ,  c","power":1.50,"power":2e5}', "5"]


def test_an_object_with_an_array_of_readings_in_lines_is_a_document(tmp_path: Path) -> None:
    document = f'{{"site": {{"name": "s"}}, "at": "{T}", "data": {{"meters": [\n{{"id": "a", "power": 1}},\n{{"id": "b"}}\n]}}}}'
    found = rows(tmp_path, document, NESTED)
    assert [(row["source_item"], row["site"], row["meter"], row["power"]) for row in found] == [
        ("0", "s", "a", "1"),
        ("1", "s", "b", None),
    ]


@pytest.mark.parametrize("content", ["", "\n \n", "[]"])
def test_a_file_without_messages_has_none(tmp_path: Path, content: str) -> None:
    assert rows(tmp_path, content) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_shows_the_encoding(tmp_path: Path, encoding: str) -> None:
    found = rows(tmp_path, f'{good(0)}\n{{"meterId":"Süd","power":"?"}}\n'.encode(encoding))
    assert [row["raw"] for row in found] == [None, '{"meterId":"Süd","power":"?"}']
    with pytest.raises(UnreadableFile, match="not valid in utf-16"):
        rows(tmp_path, codecs.BOM_UTF16_LE + b"\x00\xd8\x00")


def test_elements_of_an_array_that_is_the_message_are_messages_of_one_reading(tmp_path: Path) -> None:
    contract = replace(
        FLAT,
        columns=tuple(replace(column, path=("$", "[]", *column.source)) for column in FLAT.columns),
        explode=(("$",),),
    )
    found = rows(tmp_path, f'[\n{good(0)},\n{{"meterId": "m1"}}\n]', contract)
    assert [(row["source_offset"], row["source_item"]) for row in found] == [("1", "0"), ("2", "0")]
    assert found[1]["raw"] == '[{"meterId":"m1"}]'


def test_a_sample_of_a_topic_is_read_without_a_landing_folder(tmp_path: Path) -> None:
    topic = replace(FLAT, source=KafkaTopic("meters"))
    (row,) = rows_of(topic, written(tmp_path, good(3)), JsonObjects())
    assert row["meter"] == "m3"


def test_copies_of_a_large_message_s_text_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meters: list[dict[str, object]] = [{"id": str(n), "power": "?"} for n in range(300)]
    document = {"site": {"name": "s" * 70_000}, "at": T, "data": {"meters": meters}, "more": 1}
    raw = json.dumps(document, separators=(",", ":"))
    found = rows(tmp_path, raw, NESTED)
    # Unknown keys around the readings are reported with the first one; the others are rejected for their values.
    assert [row["meter"] for row in found] == [str(n) for n in range(300)]
    assert found[0]["raw"] == raw
    monkeypatch.setattr(message_rows, "_MOST_COPIED_BYTES", 10 * len(raw))
    assert sum(row["raw"] is not None for row in rows(tmp_path, raw, NESTED)) == 11
    for meter in meters:
        meter["note"] = "unknown"
    raw = json.dumps(document, separators=(",", ":"))
    found = rows(tmp_path, raw, replace(NESTED, unknown_keys="evolve"))
    assert len(found) == 1
    assert found[0]["meter"] is None
    # Where unknown keys are only reported, one row's are enough; what is wrong is composed from the columns.
    for meter in meters:
        meter["power"] = 1
    raw = json.dumps(document, separators=(",", ":"))
    found = rows(tmp_path, raw, NESTED)
    assert [row["meter"] for row in found] == [str(n) for n in range(300)]
    assert [row["raw"] for row in found] == [raw] + 299 * [None]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.sampled_from(["\0", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "name", "x"]), inner, max_size=2),
    max_leaves=4,
)
MESSAGES = st.dictionaries(st.sampled_from(["meterId", "power", "at", "on", "site", "x"]), JSON, max_size=5)
DEEP = replace(FLAT, columns=(*FLAT.columns, Column("site", "text", path=("site", "name"))))
ENVELOPED = replace(FLAT, columns=(Column("name", "text", path=("site", "name")),), envelope=("site",))


@given(MESSAGES | JSON, st.booleans(), st.sampled_from([FLAT, DEEP, ENVELOPED]))
def test_a_message_that_is_read_quickly_has_the_same_texts(
    document: object, ascii_only: bool, contract: Contract
) -> None:
    message = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    quick = QuickMessages(contract).texts(message)
    told = read(encode_raw(message), contract)
    if quick is not None:
        assert (told.reason, told.nested, told.unstorable, told.unknown) == (None, frozenset(), frozenset(), {})
        assert dict(zip(contract.read_names, quick, strict=True)) == told.texts
    elif ascii_only and isinstance(document, dict):
        is_unusual = told.reason or told.nested or told.unstorable or told.unknown or "\\u" in message.decode()
        assert is_unusual or told.reason is Reason.NOT_FINITE
