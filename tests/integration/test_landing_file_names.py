"""Files of a landing folder as the world has them: whatever a name is made of, it is loaded, shown and found again."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.jobs.consume.file_batch import FileBatch
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.explain import explain, in_words
from etl.operations.quarantine import files as quarantine_files
from etl.operations.retention.copy import digests
from etl.operations.retention.policy import Policy
from etl.operations.retention.prune import prune
from etl.operations.retention.remote import Remote
from etl.storage import files
from tests.support.rooms import HEADER, Rooms, act_while_it_watches, lines
from tests.support.stack import Project

NAMES = [
    b"messung_k\xfcche.csv",
    "Küche.csv".encode(),
    unicodedata.normalize("NFD", "Küche.csv").encode(),
    b"line\nbreak.csv",
    b"carriage\rreturn\x1b[31mred\x1b[0m.csv",
    b"quote\"'`$(id);--.csv",
    b"back\\slash \\xfc.csv",
    b" leading and trailing .csv",
    b"-rf.csv",
    b"UPPER.CSV",
    b"upper.csv",
    "right\u202eto-left\u2028.csv".encode(),
    "😀%20#?&.csv".encode(),
    b"\xff" * 251 + b".csv",
    b"x" * 251 + b".csv",
]


@pytest.fixture
def rooms(project: Project) -> Rooms:
    return Rooms(project)


def put(rooms: Rooms, name: bytes, number: int) -> Path:
    """A file whose only row is named after the number."""
    return rooms.drop(os.fsdecode(name), *lines(1, number))


def loaded(rooms: Rooms) -> set[int]:
    return {int(row[0][1:]) for row in rooms.rows()}


def test_every_name_is_loaded_in_the_first_cycle_shown_plainly_and_found_again(rooms: Rooms, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        put(rooms, name, number)
    cycle = rooms.cycle()
    assert loaded(rooms) == set(range(len(NAMES)))
    stored = rooms.project.sql("SELECT file_name FROM etl_file WHERE kind = 'landing'")
    assert {name for (name,) in stored} == {files.stored_name(os.fsdecode(name)) for name in NAMES}
    assert all(name.isprintable() and len(name) <= 400 for (name,) in stored)
    assert sorted(os.fsencode(path) for path in (rooms.backup / "landing").iterdir()) == sorted(
        bytes(rooms.backup / "landing") + b"/" + name for name in NAMES
    )
    # Wherever people look.
    told = explain(rooms.project.settings, cycle.cycle_id)
    assert "messung_k\\xfcche.csv" in "\n".join(in_words(rooms.project.settings, told)[-6:])
    assert "\x1b" not in rooms.project.etl("explain", cycle.cycle_id).stdout
    # And again under the same names, with other contents.
    for number, name in enumerate(NAMES, start=20):
        put(rooms, name, number)
    rooms.cycle()
    assert len(loaded(rooms)) == 2 * len(NAMES)
    assert len(rooms.moved()) == 2 * len(NAMES)
    # Every one of them goes where `prune --to` puts it.
    away = tmp_path / "away"
    at_once = Policy(timedelta(0), timedelta(0))
    feeds = {rooms.contract.feed: rooms.contract}
    done = prune(rooms.project.settings, feeds, Policy(timedelta(0), None))
    assert [item.why for item in done.items if item.action == "keep"] != []
    prune(rooms.project.settings, feeds, at_once, remote=Remote(str(away)))
    assert rooms.moved() == []
    found = {digest for path in (away / rooms.contract.feed / "landing").iterdir() for digest in digests(path)}
    moved = rooms.project.sql("SELECT sha256, moved_to FROM etl_file WHERE kind = 'landing'")
    assert {sha256 for sha256, _ in moved} <= found
    assert all(to.isprintable() for _, to in moved)


def test_what_is_no_file_or_leads_nowhere_is_left_alone_and_a_link_is_followed(rooms: Rooms, tmp_path: Path) -> None:
    (rooms.folder / "folder.csv").mkdir()
    os.mkfifo(rooms.folder / "pipe.csv")
    (rooms.folder / "dangling.csv").symlink_to("nowhere.csv")
    (rooms.folder / "loop.csv").symlink_to("loop.csv")
    (rooms.folder / ".tmp-hidden.csv").write_text("\n".join([HEADER, *lines(1, 50)]))
    (tmp_path / "elsewhere.csv").write_text("\n".join([HEADER, *lines(1, 1)]))
    (rooms.folder / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    put(rooms, b"good.csv", 2)
    rooms.cycle()
    assert loaded(rooms) == {1, 2}
    assert rooms.moved() == ["good.csv", "link.csv"]
    assert not (rooms.backup / "landing" / "link.csv").is_symlink()
    assert (tmp_path / "elsewhere.csv").exists()


def test_a_name_that_is_no_text_does_not_end_the_watching(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rooms, b"first.csv", 1)
    settings, contract = rooms.project.settings, rooms.contract
    act_while_it_watches(monkeypatch, lambda: put(rooms, b"k\xfcche.csv", 2), batches=2)
    assert consume(settings, contract, until="time_box", time_box_seconds=6).counts.read == 2
    merge(settings, contract)
    load(settings, contract)
    assert loaded(rooms) == {1, 2}


def test_a_file_that_vanishes_while_others_are_read_is_no_failure(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.drop("a.csv", *lines(60))
    gone = rooms.drop("b.csv", *lines(1))
    os.utime(gone, ns=(gone.stat().st_mtime_ns + 1, gone.stat().st_mtime_ns + 1_000_000_000))
    write = FileBatch.write

    def remove_and_write(batch: FileBatch, path: Path, *arguments: Any) -> Any:
        gone.unlink()
        return write(batch, path, *arguments)

    monkeypatch.setattr(FileBatch, "write", remove_and_write)
    done = consume(rooms.project.settings, rooms.contract)
    assert [file.name for batch in done.batches for file in batch.files] == ["a.csv"]
    assert not gone.exists()
    assert rooms.project.value("SELECT count(*) FROM etl_set_aside") == 0


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder of somebody who may not read everything, and whom this process is meanwhile."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() != 0:
        yield folder
        return
    os.chown(folder, 65534, 65534)
    os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_harms_nobody_and_loads_once_it_may(rooms: Rooms) -> None:
    rooms.cycle()
    with nobody() as home:
        settings = rooms.project.settings.model_copy(update={"home": home, "feeds": ()})
        folder = home / "landing" / "room_temperatures"
        folder.mkdir(parents=True)
        closed, good = folder / "closed.csv", folder / "good.csv"
        for number, file in enumerate((closed, good)):
            file.write_text("\n".join([HEADER, *lines(1, number)]))
        closed.chmod(0)
        with pytest.raises(Exception, match="may not be read"):
            consume(settings, rooms.contract)
        for job in (consume, merge, load):
            job(settings, rooms.contract)
        assert loaded(rooms) == {1}
        entries = "SELECT name, status FROM etl_set_aside"
        assert rooms.project.sql(entries) == [("closed.csv", "SET_ASIDE")]
        aside = home / "backup" / "room_temperatures" / "quarantine" / "closed.csv"
        aside.chmod(0o600)
        quarantine_files.retry(settings, "closed.csv")
        for job in (consume, merge, load):
            job(settings, rooms.contract)
        assert loaded(rooms) == {0, 1}
        assert rooms.project.sql(entries) == [("closed.csv", "RESOLVED")]


def test_more_files_than_a_batch_takes_are_one_cycle_s_work(rooms: Rooms) -> None:
    for number in range(520):
        rooms.drop(f"{number}.csv", f"r{number},Room Admin,08-12-2018 09:00,29,In")
    assert rooms.cycle().counts.processed == 520
    assert len(rooms.moved()) == 520
    assert list(rooms.folder.iterdir()) == []
