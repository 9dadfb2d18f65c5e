"""Encodings by evidence."""

from __future__ import annotations

import codecs

import pytest

from tests.contract.draft.samples.conftest import ReadText

HEAD = "time,text\n2025-06-15T09:12:01Z,"


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (f"{HEAD}9.90 € …".encode("cp1252"), "cp1252", "9.90 € …"),
        (f"{HEAD}é".encode("latin-1"), "cp1252", "é"),
        (f"{HEAD}€".encode(), "utf-8", "€"),
        (codecs.BOM_UTF8 + f"{HEAD}€".encode(), "utf-8", "€"),
        (f"{HEAD}€".encode("utf-16"), "utf-16", "€"),
        (codecs.BOM_UTF16_BE + f"{HEAD}€".encode("utf-16-be"), "utf-16", "€"),
        (f"{HEAD}€".encode("utf-16-le"), "utf-16-le", "€"),
        (f"{HEAD}€".encode("utf-16-be"), "utf-16-be", "€"),
        (f"{HEAD}€".encode("utf-32"), "utf-32", "€"),
    ],
)
def test_texts_keep_their_letters(read: ReadText, content: bytes, encoding: str, text: str) -> None:
    sample = read(content)
    assert (sample.form.dialect.encoding, sample.records) == (
        encoding,
        [{"time": "2025-06-15T09:12:01Z", "text": text}],
    )
    assert sample.questions == {}


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (f"{HEAD}Küche".encode("cp850"), "cp850 ('Küche')"),
        (f"{HEAD}датчик".encode("cp1251"), "cp1251 ('датчик')"),
        (f"{HEAD}温度传感器".encode("gb18030"), "gb18030 ('温度传感器')"),
    ],
)
def test_an_encoding_that_bytes_leave_open_is_asked_with_what_each_would_read(
    read: ReadText, content: bytes, asked: str
) -> None:
    assert asked in read(content).questions["csv.encoding"]


def test_a_line_that_is_not_valid_does_not_change_the_encoding_of_the_others(read: ReadText) -> None:
    lines = [f"2025-06-15T09:12:0{second}Z,Küche" for second in range(5)]
    sample = read(b"time,text\n" + "\n".join(lines).encode() + b"\n2025-06-15T09:12:09Z,K\xfcche\n")
    assert sample.form.dialect.encoding == "utf-8"
    assert [record["text"] for record in sample.records] == ["Küche"] * 5
    assert "1 line not valid in UTF-8: rejected" in sample.evidence


@pytest.mark.parametrize("letter", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_with_cr_or_lf_and_nothing_else(read: ReadText, letter: str) -> None:
    assert read(f"time,text\r2025-06-15T09:12:01Z,a{letter}b\r").records[0]["text"] == f"a{letter}b"
    # In JSON only some of them may stand as they are.
    if letter > "\x20":
        lines = f'{{"time": "2025-06-15T09:12:01Z", "text": "a{letter}b"}}\n' * 2
        assert [record["text"] for record in read(lines, "s.jsonl").records] == [f"a{letter}b"] * 2
