"""The packaged feed `room_temperatures` with its landing folder, as another program and its reader see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from watchfiles import watch

from etl.contract.reader import Contract, load_contract
from etl.jobs.consume import folder_reader
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from tests.support.stack import Project

HEADER = "id,room_id/id,noted_date,temp,out/in"
LINE = "r{0},Room Admin,08-12-2018 09:{0:02d},29,In"


class Rooms:
    """The feed of a project, with its landing folder."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.contract: Contract = load_contract("room_temperatures", project.settings)
        self.folder = project.home / "landing" / "room_temperatures"
        self.folder.mkdir(parents=True)
        self.backup = project.home / "backup" / "room_temperatures"

    def drop(self, name: str, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
        return self.write(name, end.join([header, *lines, ""]).encode())

    def write(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(content)
        return file

    def cycle(self, **changes: Any) -> Loaded:
        contract = replace(self.contract, **changes)
        consume(self.project.settings, contract)
        merge(self.project.settings, contract)
        return load(self.project.settings, contract)

    def rows(self, columns: str = "id") -> list[tuple[Any, ...]]:
        return self.project.sql(f"SELECT {columns} FROM room_temperatures ORDER BY source_id, source_offset")

    def moved(self, folder: str = "landing") -> list[str]:
        return sorted(path.name for path in (self.backup / folder).glob("*"))


def lines(count: int, first: int = 0) -> list[str]:
    return [LINE.format(number) for number in range(first, first + count)]


def act_while_it_watches(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], batches: int) -> None:
    """Do something, once, when a job has begun to watch the folder. Its time box is over when it has published so many batches,
    or has watched so many times without publishing them as the box has seconds.
    """
    clock: Any = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    left, once = iter(range(batches - 1)), iter([act])

    def watch_and_act(folder: Path, **options: Any) -> Iterator[Any]:
        clock.now += 1
        watching = watch(folder, **{**options, "rust_timeout": 1})
        next(watching)  # It is watched now, and a millisecond was over.
        if do := next(once, None):
            do()
            yield from (changes for changes in watching if changes)
        yield set()

    def reached(point: str) -> None:
        if point == "publish.renamed" and next(left, None) is None:
            clock.now = float("inf")

    monkeypatch.setattr(folder_reader, "time", clock)
    monkeypatch.setattr(folder_reader, "watch", watch_and_act)
    monkeypatch.setattr("etl.storage.failpoints.reached", reached)
