"""What the tests of drafts share: a contract drafted from records, as a text and as it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.writer import draft
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.reader import Contract, parse_contract
from etl.contract.todo import Question, open_questions
from etl.contract.yaml_lines import YamlLines

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STANDARD = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.validators.validator_for(STANDARD)(STANDARD)


def text_of_draft(
    records: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, str]] = (), *, csv: CsvDialect | None = None
) -> str:
    """A draft from messages of a topic; or, with a dialect, from lines of a landing folder."""
    form = CsvLines(csv) if csv else JsonObjects()
    sample = Sample("sample", form, [dict(record) for record in records], beside=list(beside))
    return draft("mine", sample, topic="" if csv else "mine", landing="landing/mine" if csv else "", now=NOW)


def read_draft(text: str) -> Contract:
    """The contract in a draft that is decided in every respect, and valid by the standard."""
    VALIDATOR.validate(yaml.safe_load(text))
    return parse_contract(text, Path("mine.odcs.yaml"))


def drafted(
    records: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, str]] = (), *, csv: CsvDialect | None = None
) -> Contract:
    return read_draft(text_of_draft(records, beside, csv=csv))


def lines(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Records from the values of each column."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def questions(text: str) -> list[Question]:
    return list(open_questions(text, YamlLines(text)))
