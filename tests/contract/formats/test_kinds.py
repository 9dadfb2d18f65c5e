"""A format is supported by every job that meets it, or named by no contract."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import etl
from etl.contract.formats.kinds import FORMATS
from etl.contract.formats.record_format import RecordFormat


def tables() -> Iterator[tuple[str, Mapping[type[RecordFormat], Any]]]:
    """Every table from formats to what is done with them, with its place."""
    top = Path(etl.__file__).parent
    for file in top.rglob("*.py"):
        if RecordFormat.__name__ in file.read_text("utf-8"):
            module = importlib.import_module(".".join(("etl", *file.relative_to(top).with_suffix("").parts)))
            for name, value in vars(module).items():
                if isinstance(value, Mapping) and value and all(is_format(key) for key in value):
                    yield f"{module.__name__}.{name}", value


def is_format(key: object) -> bool:
    return isinstance(key, type) and issubclass(key, RecordFormat)


def test_every_table_has_every_format_or_every_one_of_files_or_of_messages_alone() -> None:
    formats = set(FORMATS.values())
    of_files = {form for form in formats if form.suffixes}
    found = dict(tables())
    of_messages_alone = formats - of_files
    wholes = (formats, of_files, of_messages_alone)
    lacking = {place: set(table) for place, table in found.items() if set(table) not in wholes}
    assert lacking == {}
    modules = {place.rpartition(".")[0] for place in found}
    assert {
        "etl.contract.draft.samples.read",
        "etl.jobs.consume.files.readers",
        "etl.jobs.produce.file_writers",
        "etl.jobs.produce.simulators.formats",
    } <= modules


def test_no_two_formats_take_files_of_one_ending() -> None:
    endings = [suffix for form in FORMATS.values() for suffix in form.suffixes]
    assert len(endings) == len(set(endings))
