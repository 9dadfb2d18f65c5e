"""Samples as they are read: JSON lines, and CSV of any dialect and encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.contract.draft.sample import read_sample
from etl.contract.draft.writer import draft
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.reader import parse_contract
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.json", "{", "cannot be read"),
        ("s.json", "[]", "has no records"),
        ("s.jsonl", "[1]\n", "has no records"),
        ("s.csv", "a,a\n1,2\n", "two have the same"),
        ("s.csv", "", "has no records"),
        ("s.txt", "a", "There is no sample"),
    ],
)
def test_a_sample_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_sample(tmp_path / name)


def test_the_dialect_of_a_csv_sample_is_found(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("zeit;gerät;grad\n25.06.2025 09:12;Küche;1.5\n".encode("latin-1"))
    sample = read_sample(tmp_path / "s.csv")
    assert (sample.delimiter, sample.encoding) == (";", "latin-1")
    found = parse_contract(draft("mine", sample, landing="in"), Path("mine.odcs.yaml"))
    assert found.source == LandingFolder("in", CsvLines(CsvDialect(delimiter=";", encoding="latin-1")))
    assert found.column("ger_t").source == ("gerät",)


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("time,text\n2025-06-15T09:12:01Z,9,90 € …".encode("cp1252"), "cp1252", "9"),
        ("time,text\n2025-06-15T09:12:01Z,é".encode("latin-1"), "latin-1", "é"),
        (b"time,text\n2025-06-15T09:12:01Z,\x81\xe9", "latin-1", "\x81é"),
        ("time,text\n2025-06-15T09:12:01Z,€".encode(), "utf-8", "€"),
    ],
)
def test_a_sample_of_windows_keeps_its_letters(tmp_path: Path, content: bytes, encoding: str, text: str) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    sample = read_sample(tmp_path / "s.csv")
    assert (sample.encoding, sample.records[0]["text"]) == (encoding, text)


@pytest.mark.parametrize("letter", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_with_cr_or_lf_and_nothing_else(tmp_path: Path, letter: str) -> None:
    (tmp_path / "s.csv").write_text(f"time,text\r2025-06-15T09:12:01Z,a{letter}b\r", "utf-8", newline="")
    (tmp_path / "s.jsonl").write_text(f'{{"time": "2025-06-15T09:12:01Z", "text": "a{letter}b"}}\n' * 2, "utf-8")
    assert [record["text"] for record in read_sample(tmp_path / "s.csv").records] == [f"a{letter}b"]
    # In JSON only some of them may stand as they are.
    if letter > "\x20":
        assert [record["text"] for record in read_sample(tmp_path / "s.jsonl").records] == 2 * [f"a{letter}b"]
