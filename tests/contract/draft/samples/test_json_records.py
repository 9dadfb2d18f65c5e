"""JSON as messages."""

from __future__ import annotations

import json

import pytest

from etl.contract.draft.samples.json_records import message_of
from etl.errors import ConfigurationError
from tests.contract.draft.samples.conftest import ReadText

ITEMS = [{"id": "a", "v": 1.5}, {"id": "b", "v": 2}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["s.json", "s.txt"])
def test_an_array_in_a_file_of_its_own_is_a_list_of_messages(read: ReadText, indent: int | None, name: str) -> None:
    sample = read(json.dumps(ITEMS, indent=indent), name)
    assert sample.records == ITEMS
    assert sample.evidence[0].startswith("an array of 2 JSON objects")


def test_an_array_in_a_line_is_a_message(read: ReadText) -> None:
    assert read(json.dumps(ITEMS), "s.jsonl").records == [{"$": ITEMS}]
    assert read(f"{json.dumps(ITEMS)}\n{json.dumps(ITEMS)}\n", "s.json").records == [{"$": ITEMS}] * 2
    assert read(json.dumps([ITEMS, ITEMS]), "s.json").records == [{"$": ITEMS}] * 2


def test_long_lines_are_messages_as_short_ones_are(read: ReadText) -> None:
    items = [{"text": "x" * 700_000}]
    for count in (1, 2, 3):
        sample = read(f"{json.dumps(items)}\n" * count, "s.jsonl")
        assert sample.records == [{"$": items}] * count


def test_documents_that_follow_each_other_are_messages(read: ReadText) -> None:
    text = "\n".join(json.dumps(item, indent=2) for item in ITEMS)
    assert read(text, "s.json").records == ITEMS
    assert read(json.dumps(ITEMS[0], indent=2), "s.json").records == ITEMS[:1]


def test_numbers_that_json_does_not_have_are_kept_as_texts(read: ReadText) -> None:
    sample = read('{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1e300, "e": %s}' % ("9" * 5000), "s.json")
    assert sample.records == [{"a": "NaN", "b": "-Infinity", "c": "1e999", "d": 1e300, "e": "9" * 5000}]
    assert "2 numbers that JSON does not have: NaN or Infinity" in sample.evidence


def test_lines_that_are_no_messages_are_counted(read: ReadText) -> None:
    sample = read('{"a": 1}\nstarted\n{"a": 2}\n[]\n{"a": 3}\n{"a": ', "s.jsonl")
    assert sample.records == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert "2 lines without a JSON object: rejected; the first is line 2" in sample.evidence
    assert "the last line is incomplete" in sample.evidence


def test_a_document_that_breaks_off_is_read_up_to_there(read: ReadText) -> None:
    sample = read(json.dumps(ITEMS, indent=1)[:-20], "s.json")
    assert sample.records == ITEMS[:1]
    assert any("breaks off" in text for text in sample.evidence)


def test_what_is_nested_too_deeply_is_refused(read: ReadText) -> None:
    assert read('{"a": ' * 200 + "1" + "}" * 200, "s.json").records
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        read('{"a": ' * 100_000 + "1" + "}" * 100_000, "s.json")


def test_a_csv_file_may_begin_with_a_bracket(read: ReadText) -> None:
    assert read("[time],[v]\n2025-06-15T00:00:00Z,1\n").records == [{"[time]": "2025-06-15T00:00:00Z", "[v]": "1"}]


@pytest.mark.parametrize(
    ("value", "record"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'[{"a": 1}]', {"$": [{"a": 1}]}),
        (b"[1]", None),
        (b"{}", None),
        (b"5", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_a_message_is_an_object_or_an_array_of_them(value: bytes, record: object) -> None:
    assert message_of(value) == record
