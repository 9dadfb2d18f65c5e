"""Each reason leads to the contract's line that makes rows bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.contract.model import Contract
from etl.contract.reader import read_contract
from etl.operations.feeds.broken_rules import broken_rule, shown_path
from etl.validation.reasons import Reason

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: tanks
name: tanks
version: 1.0.0
status: active
servers:
  - server: landing
    type: local
    path: landing/tanks
    format: csv  # one file a day
    customProperties:
      - property: csv
        value:
          delimiter: ";"
          encoding: utf-8
schema:
  - name: tanks
    physicalName: tank_levels
    properties:
      - name: at
        logicalType: timestamp
        primaryKey: true
        primaryKeyPosition: 2
      - name: tank
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 1
        logicalTypeOptions:
          minLength: 1
          maxLength: 20
          pattern: "[a-z]+"
      - name: level
        logicalType: number  # metres
        required: true
        logicalTypeOptions:
          minimum: -2
          maximum: 30
      - name: pumps
        logicalType: integer
        logicalTypeOptions: {format: i16}
      - name: filled
        logicalType: timestamp
        customProperties:
          - property: formats
            value: ["%d.%m.%Y"]
customProperties:
  - property: eventTime
    value:
      column: at
      formats: [iso8601]
      earliest: 2020-01-01
  - property: unknownKeys
    value: discard
"""


@pytest.fixture
def contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contract:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contracts").mkdir()
    file = tmp_path / "contracts" / "tanks.odcs.yaml"
    file.write_text(CONTRACT, "utf-8")
    return read_contract(file)


@pytest.mark.parametrize(
    ("reason", "column", "example", "text"),
    [
        (Reason.NOT_UTF8, None, None, "encoding: utf-8"),
        (Reason.NOT_CSV, None, "a;b;c", "csv"),
        (Reason.UNKNOWN_KEY, "colour", "red", "unknownKeys"),
        (Reason.MISSING, "level", None, "required: true"),
        (Reason.MISSING, "tank", None, "primaryKey: true"),
        (Reason.WRONG_TYPE, "level", "n/a", "logicalType: number"),
        (Reason.NOT_FINITE, "level", "NaN", "logicalType: number"),
        (Reason.OUT_OF_RANGE, "level", "30.5", "maximum: 30"),
        (Reason.OUT_OF_RANGE, "level", "-2,5", "minimum: -2"),
        (Reason.OUT_OF_RANGE, "pumps", "70000", "logicalTypeOptions: {format: i16}"),
        (Reason.TOO_SHORT, "tank", "", "minLength: 1"),
        (Reason.TOO_LONG, "tank", "x" * 30, "maxLength: 20"),
        (Reason.PATTERN, "tank", "A", 'pattern: "[a-z]+"'),
        (Reason.TRAILING_BLANK, "tank", "a ", "name: tank"),
        (Reason.BAD_TIME, "at", "yesterday", "formats: [iso8601]"),
        (Reason.BAD_TIME, "filled", "yesterday", "formats"),
        (Reason.TIME_OUT_OF_RANGE, "at", "1999-01-01", "earliest: 2020-01-01"),
        (Reason.TIME_OUT_OF_RANGE, "at", "2099-01-01T00:00:00Z", "eventTime"),
        (Reason.CONFLICTING, None, None, "primaryKey: true"),
        (Reason.DATABASE_REFUSED, None, None, "physicalName: tank_levels"),
    ],
)
def test_the_line_of_a_reason(
    contract: Contract, reason: Reason, column: str | None, example: str | None, text: str
) -> None:
    line = broken_rule(contract, reason, column, example).line
    number = int(line.removeprefix("contracts/tanks.odcs.yaml line ").partition(",")[0])
    assert line == f"contracts/tanks.odcs.yaml line {number}, {text}"
    assert text in CONTRACT.splitlines()[number - 1]


def test_the_line_is_that_of_the_column(contract: Contract) -> None:
    numbers = [n for n, line in enumerate(CONTRACT.splitlines(), start=1) if "logicalType: timestamp" in line]
    for name, number in zip(("at", "filled"), numbers, strict=True):
        assert f" line {number}, " in broken_rule(contract, Reason.WRONG_TYPE, name, None).line


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_words(contract: Contract, reason: Reason) -> None:
    """Also where the contract is gone, or has no such column any more."""
    for column in ("level", "gone", None):
        assert "{" not in broken_rule(contract, reason, column, None).words
        nothing_known = broken_rule(None, reason, column, None)
        assert nothing_known.words
        assert nothing_known.line == ""


def test_what_a_column_should_be_is_said(contract: Contract) -> None:
    assert broken_rule(contract, Reason.WRONG_TYPE, "level", "x").words == "level is no number"
    assert broken_rule(contract, Reason.CONFLICTING, None, None).words.startswith(
        "an earlier row has the same key (tank, at)"
    )


def test_a_column_that_was_added_by_evolution_is_in_the_contract_by_unknown_keys(contract: Contract) -> None:
    assert broken_rule(contract, Reason.WRONG_TYPE, "colour", "x").line.endswith(", unknownKeys")


def test_what_no_edit_of_the_contract_makes_good(contract: Contract) -> None:
    never = {reason for reason in Reason if not broken_rule(contract, reason, "level", None).can_be_corrected}
    assert never == {Reason.TOMBSTONE, Reason.EMPTY, Reason.DUPLICATE_KEY, Reason.INVALID_TEXT}


def test_a_file_that_is_gone_or_broken_has_no_line(contract: Contract) -> None:
    contract.file.write_text("name: [")
    assert broken_rule(contract, Reason.WRONG_TYPE, "level", "x").line == ""
    contract.file.unlink()
    assert broken_rule(contract, Reason.WRONG_TYPE, "level", "x").line == ""


def test_a_file_elsewhere_is_named_with_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert shown_path(tmp_path / "here" / "a" / "b.yaml") == "a/b.yaml"
    assert shown_path(tmp_path / "there.yaml") == str(tmp_path / "there.yaml")
