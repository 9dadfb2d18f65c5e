"""In which order growth measures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import data, growth
from benchmarks.arena import Arena
from benchmarks.contest import Outcome
from benchmarks.figures import Result
from etl.settings import Settings


def test_each_round_measures_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def no_ground(_: Arena) -> Iterator[None]:
        yield

    def one(_: object, book: growth._Book, rows: int, *__: object) -> None:
        book.note("load", rows, Outcome(1.0, rows))

    monkeypatch.setattr(Arena, "ground", no_ground)
    monkeypatch.setattr(data, "fill_warm_up", lambda *_: None)
    monkeypatch.setattr(growth, "_jobs_with", one)
    told: list[str] = []
    kept: list[Result] = []
    sizes = replace(growth.SHORT, rows=(10, 100), cycle_rows=(), parts=(), rounds=3)
    found = growth.measure(Arena(tmp_path, Settings.load()), kept.append, told.append, sizes)
    assert [line.split(":")[1].split()[1] for line in told] == ["10", "100"] * 3
    assert [point["rounds"] for point in found["points"]] == [3, 3]
    assert len(found["loads"]) == 3
    assert found["failed"] == []
