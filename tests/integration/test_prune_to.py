"""`prune --to`: what is old goes elsewhere, read back before it goes from here; nothing is lost wherever it is cut off."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.errors import ConfigurationError, ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.explain import explain, in_words
from etl.operations.retention.policy import Item, Policy
from etl.operations.retention.prune import prune
from etl.operations.retention.remote import Remote
from etl.operations.undo import undo
from etl.storage import files, manifests
from tests.integration.test_secrets import texts
from tests.support.batches import write_batch
from tests.support.ftp import ftp_server
from tests.support.stack import Project

FEED = "sensor_readings"
AT_ONCE = timedelta(0)
SECRET = "c4n4ry:%/x"
ESCAPED = "c4n4ry%3A%25%2Fx"


def loaded(project: Project, number: int = 0) -> str:
    """An archive that is loaded; returns its cycle."""
    readings = [
        {"sensor_id": "1", "temperature": "20", "humidity": "50", "timestamp": f"2025-06-15T09:{number:02}:{at:02}Z"}
        for at in range(60)
    ]
    write_batch(project.settings, project.contract, project.topic, "topic", readings, start=100 * number)
    merge(project.settings, project.contract)
    return load(project.settings, project.contract).cycle_id


def moved(project: Project, url: str | Path, *, compress: bool = False) -> list[Item]:
    policy = Policy(AT_ONCE if compress else None, None if compress else AT_ONCE)
    return list(prune(project.settings, {FEED: project.contract}, policy, remote=Remote(str(url))).items)


def tree(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("*") if folder.is_dir() else ()
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


def backup(project: Project) -> Path:
    return manifests.feed_backup(project.settings, FEED)


def entries(project: Project) -> list[tuple[Any, ...]]:
    return project.sql("SELECT file_name, sha256, moved_to FROM etl_file ORDER BY file_id")


def killed(project: Project, point: str, *arguments: str) -> None:
    """Run a command up to a failpoint."""
    project.etl(*arguments, expect=-signal.SIGKILL, ETL_FAILPOINT=point)


def explained(project: Project, cycle: str) -> str:
    return "\n".join(in_words(project.settings, explain(project.settings, cycle)))


def test_archives_go_to_another_folder_and_can_come_back(project: Project, tmp_path: Path) -> None:
    first = loaded(project)
    moved(project, tmp_path, compress=True)
    loaded(project, 1)
    before, target = tree(backup(project)), tmp_path / "far away"
    (name, sha256, _), (other, _, _) = entries(project)

    items = moved(project, target)
    assert [(item.kind, item.action, item.name) for item in items] == [
        ("archive", "move", name),
        ("archive", "move", other),
    ]
    assert tree(backup(project)) == {}
    assert tree(target / FEED) == before
    assert hashlib.sha256(gzip.decompress(before[f"{name}.gz"])).hexdigest() == sha256
    url = f"file://{target}/{FEED}/{name}.gz"
    assert entries(project)[0][2] == url
    assert f"Archive: {url}, 60 rows of" in explained(project, first)
    assert moved(project, target) == [], "once is enough"

    with pytest.raises(ConfigurationError, match="could not be loaded again") as refused:
        undo(project.settings, project.contract, first)
    assert url in refused.value.remedy
    for file in (f"{name}.gz", f"{name}.manifest.json"):
        shutil.copy(target / FEED / file, backup(project))
    undo(project.settings, project.contract, first)
    assert load(project.settings, project.contract).counts.processed == 60
    project.require_exact(120)
    assert [place for *_, place in entries(project) if place is None] == [None], "it was loaded from here again"


def test_killed_anywhere_nothing_is_lost_and_the_next_one_goes_on(project: Project, tmp_path: Path) -> None:
    loaded(project)
    ((name, sha256, _),) = entries(project)
    target = tmp_path / "target"
    arguments = ("prune", FEED, "--delete-after", "0d", "--to", str(target))
    for point in ("prune.copying", "prune.moved", "prune.deleting"):
        killed(project, point, *arguments)
        standing = [folder / name for folder in (backup(project), target / FEED) if (folder / name).exists()]
        assert standing
        assert {files.sha256(file) for file in standing} == {sha256}
    assert list(tree(backup(project))) == [f"{name}.manifest.json"]
    told = json.loads(project.etl(*arguments, "--json").stdout)
    assert told["to"] == target.as_uri()
    assert [(item["action"], item["name"]) for item in told["items"] if item["kind"] == "archive"] == [("move", name)]
    assert tree(backup(project)) == {}
    assert set(tree(target / FEED)) == {name, f"{name}.manifest.json"}
    assert files.sha256(target / FEED / name) == sha256


def test_a_torn_copy_is_written_again_and_what_is_changed_here_stays(project: Project, tmp_path: Path) -> None:
    for number in (0, 1):
        loaded(project, number)
    (torn, sha256, _), (changed, _, _) = entries(project)
    (tmp_path / FEED).mkdir()
    (tmp_path / FEED / torn).write_bytes((backup(project) / torn).read_bytes()[:-7])
    (backup(project) / changed).write_bytes(b"x")
    items = {item.name: item for item in moved(project, tmp_path)}
    assert items[torn].action == "move"
    assert files.sha256(tmp_path / FEED / torn) == sha256
    assert (items[changed].action, items[changed].freed) == ("keep", 0)
    assert "was changed after it was loaded" in items[changed].why
    assert (backup(project) / changed).read_bytes() == b"x"
    assert not (tmp_path / FEED / changed).exists()
    assert entries(project)[1][2] is None


def test_a_copy_that_was_lost_since_is_made_again_before_anything_is_deleted(project: Project, tmp_path: Path) -> None:
    loaded(project)
    ((name, sha256, _),) = entries(project)
    arguments = ("prune", FEED, "--delete-after", "0d", "--to", str(tmp_path / "target"))
    killed(project, "prune.moved", *arguments)
    shutil.rmtree(tmp_path / "target")
    moved(project, tmp_path / "target")
    assert files.sha256(tmp_path / "target" / FEED / name) == sha256


def test_landing_files_of_one_name_stay_apart(project: Project, tmp_path: Path) -> None:
    rooms = project.feed("room_temperatures")
    landing = project.home / "landing" / "room_temperatures"
    landing.mkdir(parents=True)
    contents = [
        f"id,room_id/id,noted_date,temp,out/in\nr{n},Room,08-12-2018 09:{n:02},29,In\n".encode() for n in (1, 2)
    ]
    for content in contents:
        (landing / "rooms.csv").write_bytes(content)
        consume(project.settings, rooms)
        merge(project.settings, rooms)
        cycle = load(project.settings, rooms).cycle_id
        prune(project.settings, {rooms.feed: rooms}, Policy(None, AT_ONCE), remote=Remote(str(tmp_path / "far")))
    assert sorted(tree(tmp_path / "far" / rooms.feed / "landing").values()) == sorted(contents)
    assert tree(manifests.feed_backup(project.settings, rooms.feed)) == {}
    assert f"Moved to: file://{tmp_path}/far/{rooms.feed}/landing/" in explained(project, cycle)


def test_a_server_gets_them_and_its_password_is_nowhere(project: Project, tmp_path: Path) -> None:
    loaded(project)
    ((name, sha256, _),) = entries(project)
    with ftp_server(tmp_path / "ftp", "etl", SECRET) as address:
        arguments = ["prune", FEED, "--delete-after", "0d", "--to"]
        said = project.etl("--debug", *arguments, f"ftp://etl:{ESCAPED}-wrong@{address}/kept", expect=1)
        outputs = said.stdout + said.stderr
        assert f"ftp://{address}/kept" in outputs
        assert (backup(project) / name).exists()
        said = project.etl(*arguments, f"ftp://etl:{ESCAPED}@{address}/kept")
        outputs += said.stdout + said.stderr
    assert files.sha256(tmp_path / "ftp" / "kept" / FEED / name) == sha256
    assert tree(backup(project)) == {}
    assert entries(project)[0][2] == f"ftp://{address}/kept/{FEED}/{name}"
    everything = outputs + texts(project) + "".join(map(str, tree(project.home).values()))
    assert name in everything
    assert "c4n4ry" not in everything


def test_a_server_that_goes_away_costs_nothing(project: Project, tmp_path: Path) -> None:
    loaded(project)
    before = tree(backup(project))
    with ftp_server(tmp_path / "ftp", "etl", "x") as address:
        remote = Remote(f"ftp://etl:x@{address}/kept")
    done = prune(project.settings, {FEED: project.contract}, Policy(None, AT_ONCE), remote=remote)
    (error,) = done.busy
    assert isinstance(error, ServiceUnavailable)
    assert error.cause.startswith(f"ftp://{address}/kept ")
    assert [(item.action, item.why) for item in done.items] == [("keep", "it has no copy yet")]
    assert tree(backup(project)) == before
    assert entries(project)[0][2] is None
