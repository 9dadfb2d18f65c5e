"""What a job cannot process fails once, is set aside after the second time, and is taken again on request."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.audit.set_aside import count_per_feed
from etl.database.schema.migrations import connected
from etl.errors import ConfigurationError, EtlError, FailureBudgetExceeded, IntegrityError
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.quarantine import files as quarantine_files
from etl.operations.retention.policy import Policy
from etl.operations.retention.prune import prune
from etl.operations.status import status
from etl.storage import files, manifests
from etl.storage.archive_file import MANIFEST_SUFFIX
from tests.support.batches import write_batch
from tests.support.incidents import causes, open_incidents
from tests.support.rooms import Rooms, lines
from tests.support.stack import Project


def values(number: int) -> dict[str, str]:
    return {
        "sensor_id": str(number + 1),
        "temperature": "20.5",
        "humidity": "50.5",
        "timestamp": f"2025-06-15T09:{number % 60:02d}:00Z",
    }


class Feed:
    """A feed of a topic whose batches a test writes."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.output = project.home / "output" / "sensor_readings"
        self.backup = project.home / "backup" / "sensor_readings"
        self.quarantine = self.backup / "quarantine"
        self._next = 0

    def batch(self, count: int = 2, **changes: str) -> Path:
        readings = [{**values(self._next + n), **changes} for n in range(count)]
        write_batch(self.project.settings, self.project.contract, "t", "topicid", readings, start=self._next)
        self._next += count
        return max(self.output.glob("batch-*"))

    def archive(self, count: int = 2, **changes: str) -> Path:
        self.batch(count, **changes)
        (archive,) = merge(self.project.settings, self.project.contract).archives
        return self.backup / archive.file_name

    def merge(self) -> int:
        return merge(self.project.settings, self.project.contract).counts.processed

    def load(self) -> int:
        return load(self.project.settings, self.project.contract).counts.processed

    def entries(self, columns: str = "kind, name, status, attempts") -> list[tuple[Any, ...]]:
        return self.project.sql(f"SELECT {columns} FROM etl_set_aside ORDER BY set_aside_id")

    def notes(self) -> dict[str, Any]:
        found = self.project.value("SELECT notes FROM etl_log ORDER BY log_id DESC LIMIT 1")
        return dict(found or {})

    def retry(self, name: str) -> None:
        quarantine_files.retry(self.project.settings, name)


@pytest.fixture
def feed(project: Project) -> Feed:
    return Feed(project)


def flip(file: Path) -> Callable[[], object]:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"20.5", b"30.5"))
    return lambda: file.write_bytes(content)


def garbage(file: Path) -> Callable[[], object]:
    content = file.read_bytes()
    file.write_bytes(b'{"feed": ["\xff')
    return lambda: file.write_bytes(content)


def other_shape(file: Path) -> Callable[[], object]:
    content = file.read_bytes()
    file.write_text(json.dumps({**json.loads(content), "rows": "many"}))
    return lambda: file.write_bytes(content)


def delete(file: Path) -> Callable[[], object]:
    content = file.read_bytes()
    file.unlink()
    return lambda: file.write_bytes(content)


def manifest_of(file: Path) -> Path:
    return file.with_name(f"{file.name}{MANIFEST_SUFFIX}")


DAMAGE_TO_ARCHIVES = {
    "content changed": flip,
    "content gone": delete,
    "manifest garbage": lambda file: garbage(manifest_of(file)),
    "manifest of another shape": lambda file: other_shape(manifest_of(file)),
    "manifest gone": lambda file: delete(manifest_of(file)),
}


@pytest.mark.parametrize("damage", DAMAGE_TO_ARCHIVES.values(), ids=DAMAGE_TO_ARCHIVES.keys())
def test_an_archive_that_fails_twice_is_set_aside_and_loads_after_its_repair(feed: Feed, damage: Any) -> None:
    file = feed.archive()
    feed.archive(3)
    repair = damage(file)
    with pytest.raises(IntegrityError):
        feed.load()
    assert feed.entries() == [("archive", file.name, "FAILING", 1)]
    assert feed.load() == 3
    assert feed.entries() == [("archive", file.name, "SET_ASIDE", 2)]
    assert file.name.removesuffix(".csv") in str(feed.notes()["set_aside"])
    # It stays so, costs nobody anything, and is in nobody's way.
    assert (feed.load(), feed.merge()) == (0, 0)
    repair()
    feed.retry(file.name)
    assert feed.entries() == [("archive", file.name, "RETRIED", 0)]
    assert feed.load() == 2
    assert feed.entries()[0][2] == "RESOLVED"
    feed.project.require_exact(5)


def test_what_is_set_aside_is_an_incident_until_it_is_processed(feed: Feed) -> None:
    file = feed.archive()
    repair = flip(file)
    with pytest.raises(IntegrityError):
        feed.load()
    assert open_incidents(feed.project, "quarantine_growth") == []
    feed.load()
    assert open_incidents(feed.project, "quarantine_growth") == [f"archive {file.name}"]
    # Other loads, whatever they reject, say nothing of it; nor does the wish to have it processed again.
    feed.archive()
    assert feed.load() == 2
    repair()
    feed.retry(file.name)
    assert open_incidents(feed.project, "quarantine_growth") == [f"archive {file.name}"]
    assert feed.load() == 2
    assert open_incidents(feed.project, "quarantine_growth") == []
    (cause,) = causes(feed.project, "quarantine_growth")
    assert cause.startswith(f"{file.name} was set aside: ")
    remedy = feed.project.value("SELECT remedy FROM etl_incident WHERE kind = 'quarantine_growth'")
    assert f"quarantine retry {file.name}`" in remedy


def test_an_archive_that_is_repaired_in_time_is_loaded_in_its_turn(feed: Feed) -> None:
    repair = flip(feed.archive())
    feed.archive(3)
    with pytest.raises(IntegrityError):
        feed.load()
    assert feed.project.value("SELECT count(*) FROM etl_file") == 0
    repair()
    assert feed.load() == 5
    assert feed.entries("status, attempts") == [("RESOLVED", 1)]
    # What it once was does not count when it fails again.
    assert "set_aside" not in feed.notes()


def test_two_that_fail_never_fail_the_feed_twice_in_a_row(feed: Feed) -> None:
    first, second = feed.archive(), feed.archive()
    feed.archive(3)
    for file in (first, second):
        flip(file)
    with pytest.raises(IntegrityError):
        feed.load()
    assert feed.load() == 3
    assert feed.notes()["failing"].keys() == {second.name}
    assert feed.load() == 0
    assert [status for _, _, status, _ in feed.entries()] == ["SET_ASIDE", "SET_ASIDE"]
    assert [row["status"] for row in feed.project.log() if row["job_name"] == "load"] == [
        "FAILED",
        "SUCCESS",
        "SUCCESS",
    ]


def test_too_many_bad_rows_fail_once_and_then_do_not_stop_the_feed(feed: Feed) -> None:
    strict = feed.project.contract.__class__(**{**vars(feed.project.contract), "failure_budget": 0.1})
    feed.archive(4, temperature="warm")
    feed.archive(3)
    with pytest.raises(FailureBudgetExceeded):
        load(feed.project.settings, strict)
    assert load(feed.project.settings, strict).counts.processed == 3
    ((_, name, state, _),) = feed.entries()
    assert state == "SET_ASIDE"
    feed.retry(name)
    assert feed.load() == 0
    assert feed.project.value("SELECT count(*) FROM etl_rejected_row") == 4


def test_what_all_jobs_need_is_never_blamed_on_an_archive(feed: Feed) -> None:
    feed.archive()
    nowhere = feed.project.with_database(feed.project.server.url("nowhere"))
    for _ in range(3):
        with pytest.raises(EtlError):
            load(nowhere.settings, feed.project.contract)
    feed.project.sql("SELECT 1")
    assert feed.entries() == []
    assert feed.load() == 2


DAMAGE_TO_BATCHES = {
    "part changed": lambda batch: flip(batch / "part-00000.csv"),
    "part gone": lambda batch: delete(batch / "part-00000.csv"),
    "manifest garbage": lambda batch: garbage(batch / manifests.MANIFEST),
    "manifest of another shape": lambda batch: other_shape(batch / manifests.MANIFEST),
    "manifest gone": lambda batch: delete(batch / manifests.MANIFEST),
}


@pytest.mark.parametrize("damage", DAMAGE_TO_BATCHES.values(), ids=DAMAGE_TO_BATCHES.keys())
def test_a_batch_that_fails_twice_is_set_aside_and_merged_after_its_repair(feed: Feed, damage: Any) -> None:
    feed.batch(3)
    bad = feed.batch()
    feed.batch(4)
    damage(bad)
    with pytest.raises(IntegrityError):
        feed.merge()
    feed.merge()
    assert feed.entries() == [("batch", bad.name, "SET_ASIDE", 2)]
    assert feed.load() == 7
    assert [path.name for path in feed.quarantine.iterdir()] == [bad.name]
    assert list(feed.output.iterdir()) == []
    # Repaired: the same batch, as it was.
    shutil.rmtree(feed.quarantine / bad.name)
    feed._next = 3
    shutil.move(feed.batch(), feed.quarantine / bad.name)
    feed.retry(bad.name)
    assert feed.merge() == 2
    assert feed.load() == 2
    feed.project.require_exact(9)


def test_a_batch_of_the_plan_that_is_gone_is_named_and_leaves_the_plan(feed: Feed) -> None:
    lost = feed.batch(3)
    feed.batch()
    plan = {"archives": [{"archive": "sensor_readings_x.csv", "cycle_id": "x", "batches": ["batch-gone", lost.name]}]}
    files.write_json(feed.output / manifests.PLAN, plan)
    with pytest.raises(IntegrityError, match="Batch batch-gone of the merge plan is gone"):
        feed.merge()
    assert feed.merge() == 5
    assert feed.entries() == [("batch", "batch-gone", "SET_ASIDE", 2)]
    with pytest.raises(ConfigurationError, match="is no longer in"):
        feed.retry("batch-gone")
    assert feed.load() == 5


@pytest.mark.parametrize("content", ["{", "[]", '{"archives": [{"archive": 1}]}'])
def test_a_damaged_plan_is_made_again_and_nothing_is_archived_twice(feed: Feed, content: str) -> None:
    batch = feed.batch(3)
    shutil.copytree(batch, feed.project.home / "kept")
    feed.merge()
    # As after a kill between the archive and the removal of its batch, and a disk that then lost the plan.
    shutil.move(feed.project.home / "kept", batch)
    feed.batch()
    (feed.output / manifests.PLAN).write_text(content)
    assert feed.merge() == 2
    assert feed.load() == 5
    feed.project.require_exact(5)


def test_the_commands_list_retry_and_count_what_is_set_aside(feed: Feed) -> None:
    etl = feed.project.etl
    assert "Nothing is set aside." in etl("quarantine", "list", "--files").stdout
    file = feed.archive()
    repair = flip(file)
    with pytest.raises(IntegrityError):
        feed.load()
    assert "has failed once" in etl("quarantine", "retry", file.name, expect=2).stderr
    feed.load()
    (listed,) = json.loads(etl("quarantine", "list", "--files", "--json").stdout)
    assert (listed["kind"], listed["name"], listed["attempts"]) == ("archive", file.name, 2)
    assert "was changed after its manifest" in listed["cause"]
    assert file.name in etl("quarantine", "list", "--files", "--feed", "sensor_readings").stdout
    assert "1 file is set aside" in etl("quarantine", "list").stdout
    assert (
        status(feed.project.settings, {"sensor_readings": feed.project.contract})["feeds"]["sensor_readings"][
            "set_aside"
        ]
        == 1
    )
    assert "Nothing named x is set aside" in etl("quarantine", "retry", "x", expect=2).stderr
    repair()
    assert "is taken again" in etl("quarantine", "retry", file.name, "--feed", "sensor_readings").stdout
    assert "was retried already" in etl("quarantine", "retry", file.name, expect=2).stderr
    assert feed.load() == 2
    assert "has been processed since" in etl("quarantine", "retry", file.name, expect=2).stderr


def test_what_is_set_aside_is_never_pruned(feed: Feed) -> None:
    from datetime import timedelta

    file = feed.archive()
    flip(file)
    with pytest.raises(IntegrityError):
        feed.load()
    feed.load()
    never_kept = Policy(timedelta(0), timedelta(0))
    prune(feed.project.settings, {"sensor_readings": feed.project.contract}, never_kept)
    assert file.exists()
    assert manifest_of(file).exists()


# --- landing folders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def rooms(project: Project) -> Iterator[Rooms]:
    yield Rooms(project)


def test_an_unreadable_file_has_an_entry_and_can_be_retried_once_it_is_repaired(rooms: Rooms) -> None:
    rooms.write("bad.csv", b"nothing\n")
    rooms.cycle()
    rooms.write("bad.csv", b"nothing else\n")
    rooms.cycle()
    found = quarantine_files.find(rooms.project.settings)
    names = [row["name"] for row in found]
    assert [row["kind"] for row in found] == ["landing", "landing"]
    assert open_incidents(rooms.project, "quarantine_growth") == sorted(f"landing {name}" for name in names)
    assert sorted(names) == rooms.moved("quarantine")
    assert "lacks 'id'" in found[0]["cause"]
    for number, name in enumerate(names):
        (rooms.backup / "quarantine" / name).write_text("\n".join([*header_and(number)]))
        quarantine_files.retry(rooms.project.settings, name)
    assert rooms.cycle().counts.processed == 2
    assert rooms.project.sql("SELECT status FROM etl_set_aside") == [("RESOLVED",), ("RESOLVED",)]
    assert open_incidents(rooms.project, "quarantine_growth") == []
    with connected(rooms.project.settings, "test") as connection:
        assert count_per_feed(connection) == {}


def header_and(number: int) -> list[str]:
    return ["id,room_id/id,noted_date,temp,out/in", *lines(1, number), ""]


@pytest.mark.parametrize("damage", [garbage, delete])
def test_landing_files_of_a_damaged_archive_are_taken_again_and_loaded_once(
    rooms: Rooms, damage: Callable[[Path], Callable[[], object]]
) -> None:
    from etl.jobs.consume.job import consume

    settings, contract = rooms.project.settings, rooms.contract
    rooms.drop("a.csv", *lines(3))
    consume(settings, contract)
    (archive,) = merge(settings, contract).archives
    repair = damage(manifest_of(rooms.backup / archive.file_name))
    rooms.drop("b.csv", *lines(2, 10))
    # Nobody knows which files are in it: nothing is taken until somebody has had time to restore it.
    assert consume(settings, contract).notes["waits_for"] == [archive.file_name]
    with pytest.raises(IntegrityError):
        load(settings, contract)
    load(settings, contract)
    assert rooms.cycle().counts.processed == 5
    repair()
    quarantine_files.retry(settings, archive.file_name)
    again = rooms.cycle().counts
    assert (again.read, again.duplicate) == (3, 3)
    assert len(rooms.rows()) == 5
    assert rooms.project.sql("SELECT status FROM etl_set_aside") == [("RESOLVED",)]
    assert rooms.moved() == ["a.csv", "b.csv"]


def test_landing_files_of_a_batch_that_is_set_aside_count_as_taken(rooms: Rooms) -> None:
    from etl.jobs.consume.job import consume

    settings, contract = rooms.project.settings, rooms.contract
    rooms.drop("a.csv", *lines(3))
    (batch,) = consume(settings, contract).batches
    part = rooms.project.home / "output" / contract.feed / batch.name / "part-00000-00000.csv"
    content = part.read_bytes()
    part.write_bytes(content[:-3])
    with pytest.raises(IntegrityError):
        merge(settings, contract)
    merge(settings, contract)
    assert rooms.cycle().counts.read == 0
    (rooms.backup / "quarantine" / batch.name / part.name).write_bytes(content)
    quarantine_files.retry(settings, batch.name)
    assert rooms.cycle().counts.processed == 3
