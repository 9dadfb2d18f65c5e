"""A kind of source is supported everywhere or nowhere."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import etl
from etl.contract.sources.kinds import KINDS
from etl.contract.sources.source import FeedSource


def tables() -> Iterator[tuple[str, Mapping[type[FeedSource], Any]]]:
    """Every table from kinds of source to what is done with them, with its place."""
    top = Path(etl.__file__).parent
    for file in top.rglob("*.py"):
        if FeedSource.__name__ in file.read_text("utf-8"):
            module = importlib.import_module(".".join(("etl", *file.relative_to(top).with_suffix("").parts)))
            for name, value in vars(module).items():
                if isinstance(value, Mapping) and value and all(is_kind(key) for key in value):
                    yield f"{module.__name__}.{name}", value


def is_kind(key: object) -> bool:
    return isinstance(key, type) and issubclass(key, FeedSource)


def test_every_table_has_every_kind_of_source() -> None:
    kinds, found = set(KINDS.values()), dict(tables())
    assert {place: kinds - set(table) for place, table in found.items() if kinds != set(table)} == {}
    # The jobs look up a kind in these; they are found by their type, whatever they are called.
    modules = {place.rpartition(".")[0] for place in found}
    assert {
        "etl.jobs.produce.targets",
        "etl.jobs.consume.readers",
        "etl.jobs.load.loaded_sources",
        "etl.operations.sources",
    } <= modules
