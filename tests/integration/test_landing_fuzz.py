"""Whatever names and contents a landing folder gets, and whatever becomes of batches and archives: the feed goes on.

Seeded, so that a failure can be repeated. The rules: no job fails twice in a row, every sum balances, every good file is loaded
exactly once, and so is everything that was set aside, once it is repaired and retried.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from etl.errors import EtlError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.quarantine import files as quarantine_files
from etl.storage import files, manifests
from etl.storage.archive_file import archive_files
from etl.storage.landing_folder import require_landing_folder
from tests.support.rooms import HEADER, Rooms
from tests.support.stack import Project

CYCLES = 4
FILES_PER_CYCLE = 14
LETTERS = [
    b"a",
    b"B",
    b"\xff",
    b"\n",
    b"\r",
    b"\x1b[1m",
    b'"',
    b"'",
    b" ",
    b"\\",
    b"%",
    b"#",
    b"-",
    b"\xc3\xa9",
    b"e\xcc\x81",
]


class Fuzz:
    """A feed that gets good files, bad files, and damage."""

    def __init__(self, rooms: Rooms, kept: Path, seed: int) -> None:
        self.rooms = rooms
        self.random = random.Random(seed)
        source = require_landing_folder(rooms.contract)
        self.contract = replace(rooms.contract, source=replace(source, stable_seconds=0.0))
        self.output = rooms.project.home / "output" / self.contract.feed
        self.kept = kept
        self.wanted: set[str] = set()
        self.failed: dict[str, bool] = {}
        self.story: list[str] = []

    # --- files ---

    def name(self) -> bytes:
        length = self.random.choice([1, 3, 8, 60])
        beginning = self.random.choice([b"x", b"\xfc", b"-", b"'", b" ", b"X"])
        middle = b"".join(self.random.choice(LETTERS) for _ in range(length))
        return (beginning + middle)[:247] + self.random.choice([b".csv", b".CSV", b".csv.gz"])

    def good(self, count: int = 3) -> bytes:
        lines = [HEADER]
        for _ in range(count):
            wanted = f"g{len(self.wanted)}"
            self.wanted.add(wanted)
            lines.append(f"{wanted},Room Admin,08-12-2018 09:00,29,In")
        text = self.random.choice(["\n", "\r\n"]).join([*lines, ""]).encode()
        return gzip.compress(text) if self.random.random() < 0.2 else text

    def bad(self) -> bytes:
        tag = self.random.randrange(10**9)
        line = f"b{tag},Room Admin,08-12-2018 09:00,29,In"
        contents = [
            self.random.randbytes(self.random.choice([1, 50, 3_000])),
            b"",
            f"{HEADER}\n".encode() + b"\0" * (tag % 500),
            f'{HEADER},"quoted, ""name""",,,\n{line},1,2,3,4\n'.encode(),
            f"{HEADER},id\n{line},x\n".encode(),
            self.wide(300),
            f"{HEADER}\n{line}\n".encode("utf-16"),
            f'{HEADER}\n"{line}\n{line}\n'.encode(),
            f"{HEADER}\n{line},{'x' * 1_000_000}\n".encode(),
            f"{HEADER}\nb{tag},{'x' * 1_200_000},08-12-2018 09:00,29,In\n".encode(),
            f"{HEADER}\n{line}\n".replace(",", ";").encode(),
            f"{HEADER}\n{line}\n".replace("\n", "\r").encode(),
            gzip.compress(f"{HEADER}\n{line}\n".encode() * 50)[:-7],
            b"\x1f\x8b" + self.random.randbytes(40),
            f"{HEADER.replace('id', f'id{chr(0x2028)}')}\n{line}\n".encode(),
            f"{HEADER}\n{line}\x0b\x0c\u2028\n,,,,\n\n\n{'(' * 5_000}\n".encode(),
        ]
        return self.random.choice(contents)

    def wide(self, columns: int) -> bytes:
        names = ",".join(f"c{number}" for number in range(columns))
        line = f"w{columns},Room Admin,08-12-2018 09:00,29,In,{','.join(['1'] * columns)}"
        return f"{HEADER},{names}\n{line}\n".encode()

    def drop(self, content: bytes) -> None:
        path = self.rooms.folder / os.fsdecode(self.name())
        if path.exists():
            self.drop(content)
        else:
            path.write_bytes(content)

    # --- damage ---

    def damage_batch(self) -> None:
        if found := [path for path in self.output.glob("batch-*") if not (self.kept / path.name).exists()]:
            victim = self.random.choice(sorted(found))
            shutil.copytree(victim, self.kept / victim.name)
            parts, manifest = sorted(victim.glob("part-*")), victim / manifests.MANIFEST
            target = self.random.choice([manifest, self.random.choice(parts)])
            self.hurt(target)

    def damage_archive(self) -> None:
        loaded = {name for (name,) in self.rooms.project.sql("SELECT file_name FROM etl_file WHERE kind = 'archive'")}
        there = [archive for archive in archive_files(self.rooms.backup) if archive.name not in loaded]
        if found := [archive for archive in there if not (self.kept / archive.name).exists()]:
            victim = self.random.choice(found)
            for file in (victim.plain, victim.manifest):
                shutil.copy2(file, self.kept / file.name)
            self.hurt(self.random.choice([victim.plain, victim.manifest]))

    def hurt(self, file: Path) -> None:
        how = self.random.choice(["gone", "cut", "garbage", "json"])
        self.story.append(f"{file.name}: {how}")
        if how == "gone":
            file.unlink()
        elif how == "cut":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        else:
            file.write_bytes(self.random.randbytes(100) if how == "garbage" else b'{"feed": null, "rows": []}')

    # --- running ---

    def cycle(self, *, harmless: bool = False) -> bool:
        """A cycle ends with the first job that fails, as in `etl.operations.cycle`; returns whether all went well."""
        steps: list[tuple[Callable[..., Any], Callable[[], None]]] = [
            (consume, self.damage_batch),
            (merge, self.damage_archive),
            (load, lambda: None),
        ]
        for job, damage in steps:
            try:
                job(self.rooms.project.settings, self.contract)
            except EtlError as error:
                self.story.append(f"{job.__name__} failed: {error.cause}")
                assert not self.failed.get(job.__name__), f"{job.__name__} failed twice in a row: " + "\n".join(
                    self.story
                )
                self.failed[job.__name__] = True
                return False
            self.story.append(f"{job.__name__} done")
            self.failed[job.__name__] = False
            if not harmless and self.random.random() < 0.6:
                damage()
        return True

    def repair(self, entry: dict[str, Any]) -> None:
        away = self.rooms.backup / manifests.QUARANTINE
        name = entry["name"]
        if entry["kind"] == "archive":
            for kept in self.kept.glob(f"{name}*"):
                shutil.copy2(kept, self.rooms.backup / kept.name)
        elif entry["kind"] == "batch":
            shutil.rmtree(away / name)
            shutil.copytree(self.kept / name, away / name)
        else:
            (path,) = [path for path in away.iterdir() if files.stored_name(path.name) == name]
            path.write_bytes(self.good())

    def loaded(self) -> list[str]:
        return [name for (name,) in self.rooms.rows() if name in self.wanted]


def test_nothing_blocks_a_feed_and_nothing_of_it_is_lost(project: Project, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    fuzz = Fuzz(Rooms(project), kept, seed=1)
    fuzz.drop(fuzz.wide(3_000))
    for _ in range(CYCLES):
        for number in range(FILES_PER_CYCLE):
            fuzz.drop(fuzz.good() if number % 2 else fuzz.bad())
        fuzz.cycle()
    # Left alone, it comes to rest: what is left over is set aside.
    calm = 0
    while calm < 2:
        calm = calm + 1 if fuzz.cycle(harmless=True) else 0
    for entry in quarantine_files.find(project.settings):
        fuzz.repair(entry)
        quarantine_files.retry(project.settings, entry["name"], kind=entry["kind"])
    for _ in range(3):
        assert fuzz.cycle(harmless=True), "\n".join(fuzz.story)
    assert sorted(fuzz.loaded()) == sorted(fuzz.wanted), "\n".join(fuzz.story)
    assert quarantine_files.find(project.settings) == []
    sums = "records_processed + records_rejected + records_duplicate + records_conflicting"
    assert project.sql(f"SELECT * FROM etl_log WHERE status = 'SUCCESS' AND records_read <> {sums}") == []
    assert project.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'") == 0
    assert list(fuzz.rooms.folder.iterdir()) == []
