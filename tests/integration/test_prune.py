"""Retention: what is loaded is compressed, then deleted; what is not loaded is never touched, whatever is killed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.errors import ConfigurationError, IntegrityError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, discard
from etl.operations.retention.policy import Policy, Pruned
from etl.operations.retention.prune import LOG_BYTES, prune
from etl.operations.undo import undo
from etl.storage import manifests
from etl.storage.archive_file import MANIFEST_SUFFIX
from etl.storage.locks import feed_lock
from tests.integration.test_killed_jobs import run
from tests.integration.test_undo import content, cycle
from tests.support.rooms import Rooms, lines
from tests.support.stack import Project

FEED = "sensor_readings"
AT_ONCE = timedelta(0)
COMPRESS, DELETE = Policy(AT_ONCE, None), Policy(None, AT_ONCE)
Tree = dict[str, bytes]


def backup(project: Project) -> Path:
    return manifests.feed_backup(project.settings, FEED)


def csvs(project: Project) -> list[str]:
    return sorted(path.name for path in backup(project).iterdir() if not path.name.endswith(MANIFEST_SUFFIX))


def pruned(project: Project, policy: Policy, *, dry_run: bool = False, **options: object) -> Pruned:
    return prune(project.settings, {FEED: project.contract}, policy, dry_run=dry_run, **options)  # type: ignore[arg-type]


def tree(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def data(project: Project) -> Tree:
    """Everything under the home but locks and logs."""
    return {name: held for name, held in tree(project.home).items() if not name.startswith(".services")}


def test_nothing_that_is_not_loaded_is_touched(project: Project) -> None:
    undone = cycle(project, 1)
    undo(project.settings, project.contract, undone)
    produce(project.settings, project.contract, messages=100, seed=2)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    produce(project.settings, project.contract, messages=100, seed=3)
    consume(project.settings, project.contract)
    (backup(project) / "mine.csv").write_text("a file of the user's")
    (project.settings.runs / "my-notes").mkdir(parents=True)
    before = data(project)
    assert any("batch-" in name for name in before)

    assert pruned(project, Policy(AT_ONCE, AT_ONCE)).items == ()
    assert data(project) == before
    assert load(project.settings, project.contract).counts.read == 400


def test_a_plan_that_is_not_carried_out_keeps_its_archive(project: Project) -> None:
    produce(project.settings, project.contract, messages=100, seed=1)
    consume(project.settings, project.contract)
    run(project, "merge", failpoint="merge.removing")
    load(project.settings, project.contract)
    assert pruned(project, DELETE).items == ()
    run(project, "merge", "load")
    project.require_exact(100)
    assert [item.action for item in pruned(project, DELETE).items] == ["delete"]


def test_a_compressed_archive_is_undone_and_loaded_again_exactly(project: Project) -> None:
    first = cycle(project, 1)
    before, archive = content(project), tree(backup(project))
    (name,) = csvs(project)
    (item,) = pruned(project, COMPRESS).items
    assert (item.kind, item.action, item.name) == ("archive", "compress", name)
    assert csvs(project) == [f"{name}.gz"]
    assert gzip.decompress((backup(project) / f"{name}.gz").read_bytes()) == archive[name]
    assert item.freed == len(archive[name]) - (backup(project) / f"{name}.gz").stat().st_size > 0
    assert (backup(project) / f"{name}.manifest.json").read_bytes() == archive[f"{name}.manifest.json"]
    assert f"backup/{FEED}/{name}.gz, 300 rows" in project.etl("explain", first).stdout

    assert pruned(project, COMPRESS).items == (), "once is enough"
    undo(project.settings, project.contract, first)
    assert content(project) == ([], [])
    assert pruned(project, Policy(AT_ONCE, AT_ONCE)).items == ()
    assert load(project.settings, project.contract).counts.read == 300
    assert content(project) == before


def test_a_damaged_compressed_archive_is_refused(project: Project) -> None:
    first = cycle(project, 1)
    pruned(project, COMPRESS)
    undo(project.settings, project.contract, first)
    (file,) = (backup(project) / name for name in csvs(project))
    whole = file.read_bytes()
    for damaged in (whole[:-100], b"x" + whole, gzip.compress(b"other")):
        file.write_bytes(damaged)
        with pytest.raises(IntegrityError, match=file.name.removesuffix(".gz")):
            load(project.settings, project.contract)
        # Restored before the next attempt: after a second one it would be set aside.
        file.write_bytes(whole)
        loaded = load(project.settings, project.contract)
        assert loaded.counts.read == 300
        undo(project.settings, project.contract, loaded.cycle_id)


def test_a_changed_archive_is_kept_and_named(project: Project) -> None:
    cycle(project, 1)
    (file,) = (backup(project) / name for name in csvs(project))
    file.write_bytes(file.read_bytes() + b"x")
    (item,) = pruned(project, COMPRESS).items
    assert (item.action, item.freed) == ("keep", 0)
    assert "was changed after its manifest was written" in item.why
    assert csvs(project) == [file.name]


@pytest.mark.parametrize("point", ["prune.compressing", "prune.compressed"])
def test_killed_while_compressing(project: Project, point: str) -> None:
    first = cycle(project, 1)
    before, archive = content(project), tree(backup(project))
    killed = project.etl("prune", FEED, "--compress-after", "0d", expect=-signal.SIGKILL, ETL_FAILPOINT=point)
    assert killed.stdout == ""
    # Whatever is there now can be loaded as well.
    undo(project.settings, project.contract, first)
    load(project.settings, project.contract)
    assert content(project) == before
    pruned(project, COMPRESS)
    (name,) = csvs(project)
    assert {name, f"{name.removesuffix('.gz')}.manifest.json"} == set(tree(backup(project)))
    assert gzip.decompress((backup(project) / name).read_bytes()) == archive[name.removesuffix(".gz")]


def test_killed_while_deleting(project: Project) -> None:
    cycle(project, 1)
    pruned(project, COMPRESS)
    before = content(project)
    project.etl("prune", "--delete-after", "0d", expect=-signal.SIGKILL, ETL_FAILPOINT="prune.deleting")
    assert len(tree(backup(project))) == 1, "the manifest goes last"
    assert load(project.settings, project.contract).counts.read == 0
    pruned(project, DELETE)
    assert tree(backup(project)) == {}
    assert content(project) == before


def test_after_deletion_and_the_loss_of_the_checkpoint_nothing_is_read_twice(project: Project) -> None:
    for seed in (1, 2):
        cycle(project, seed)
    pruned(project, DELETE)
    assert csvs(project) == []
    shutil.rmtree(project.home / "checkpoint")
    produce(project.settings, project.contract, messages=50, seed=3)
    assert consume(project.settings, project.contract).counts.read == 50
    run(project, "merge", "load")
    project.require_exact(650)


def test_what_could_not_be_loaded_again_is_not_undone(project: Project) -> None:
    first = cycle(project, 1)
    pruned(project, DELETE)
    before = content(project)
    with pytest.raises(ConfigurationError, match=r"could not be loaded again"):
        undo(project.settings, project.contract, first)
    assert content(project) == before
    assert "(no longer there)" in project.etl("explain", first).stdout


def test_only_decided_rows_go_and_only_after_their_archive(project: Project) -> None:
    cycle(project, 1)
    done = replay(project.settings, project.contract, Selection(column="humidity"), changes={"humidity": "50"})
    assert done.cycle_id is not None
    discard(project.settings, Selection(column="temperature"), "broken sensor")
    waiting = project.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'")
    decided = project.value("SELECT count(*) FROM etl_rejected_row WHERE status <> 'QUARANTINED'")
    assert min(waiting, decided) > 0
    table = project.sql("SELECT * FROM sensor_data ORDER BY source_id, source_partition, source_offset")

    # Archives were loaded, and rows decided on, just now: a policy of a day takes neither, now; tomorrow it takes both.
    assert pruned(project, Policy(None, timedelta(days=1))).items == ()
    foretold = pruned(project, Policy(None, timedelta(days=1)), dry_run=True, now=datetime.now(UTC) + timedelta(days=2))
    assert [(item.kind, item.count) for item in foretold.items] == [("archive", 1), ("quarantine", decided)]

    assert [(item.kind, item.count) for item in pruned(project, DELETE).items] == [
        ("archive", 1),
        ("quarantine", decided),
    ]
    assert project.sql("SELECT status, count(*) FROM etl_rejected_row GROUP BY status") == [("QUARANTINED", waiting)]
    assert project.sql("SELECT * FROM sensor_data ORDER BY source_id, source_partition, source_offset") == table
    with pytest.raises(ConfigurationError, match="could not be replayed again"):
        undo(project.settings, project.contract, done.cycle_id)


def test_a_row_stays_as_long_as_its_load_can_be_undone(project: Project) -> None:
    cycle(project, 1)
    discard(project.settings, Selection(feed=FEED), "all of them")
    project.sql("UPDATE etl_file SET loaded_at = loaded_at + interval '1 day'")
    assert pruned(project, DELETE).items == ()
    assert project.value("SELECT count(*) FROM etl_rejected_row") > 0


def test_a_busy_feed_is_left_out_and_named(project: Project) -> None:
    cycle(project, 1)
    with feed_lock(project.settings, FEED, "job", what="a test"):
        done = project.etl("prune", "--compress-after", "0d", expect=1)
        listed = project.etl("prune", "--compress-after", "0d", "--dry-run")
    assert "already being worked on by a test" in done.stderr
    assert csvs(project)[0].endswith(".csv")
    assert csvs(project)[0] in "".join(listed.stdout.split()), "to look needs no lock"


def test_the_command_tells_what_it_would_do_then_does_it(project: Project) -> None:
    project.etl("run", "--messages", "500")
    (cycle_id,) = {row["cycle_id"] for row in project.log()}
    (archive,) = csvs(project)
    before = data(project)
    told = project.etl("prune", "--delete-after", "0d", "--dry-run").stdout
    assert cycle_id in told
    assert archive in "".join(told.split())
    assert "Nothing was done." in told
    assert data(project) == before
    assert project.etl("prune").stdout.split()[-4:] == ["all", "together", "0", "0"]

    found = json.loads(project.etl("prune", "--delete-after", "0d", "--json").stdout)
    freed = {(item["kind"], item["name"]): item["freed"] for item in found["items"]}
    assert set(freed) == {("archive", archive), ("notebooks", cycle_id)}
    assert freed["notebooks", cycle_id] > 10_000
    assert not (project.settings.runs / cycle_id).exists()
    project.require_exact(500)
    assert "is not an age" in project.etl("prune", "--delete-after", "soon", expect=2).stderr


def test_notebooks_of_a_cycle_without_audit_rows_go_by_their_age(project: Project) -> None:
    for name in ("20200101T000000Z-abcd", "20200101T000000Z-young"):
        (project.settings.runs / name).mkdir(parents=True)
    old = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(project.settings.runs / "20200101T000000Z-abcd", (old, old))
    assert [item.name for item in pruned(project, DELETE).items] == ["20200101T000000Z-abcd"]
    assert [path.name for path in project.settings.runs.iterdir()] == ["20200101T000000Z-young"]


def test_a_log_that_has_grown_is_compressed_and_goes_on(project: Project) -> None:
    log = project.home / "broker.log"
    lines = b"WARN something\n" * (LOG_BYTES // 10)
    log.write_bytes(lines)
    with log.open("ab") as writer:
        (item,) = pruned(project, Policy(), logs=[log]).items
        assert (item.action, item.bytes) == ("compress", len(lines))
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert gzip.decompress((project.home / "broker.log.gz").read_bytes()) == lines
    assert [item.action for item in pruned(project, DELETE, logs=[log]).items] == ["delete"]
    assert log.read_bytes() == b"next\n"


def test_landing_files_of_one_name_with_other_contents_are_all_kept(project: Project) -> None:
    rooms = Rooms(project)
    contents, feeds = [], {rooms.contract.feed: rooms.contract}
    for day in range(3):
        contents.append(rooms.drop("a.csv", *lines(3, 10 * day)).read_bytes())
        rooms.cycle()
        planned = prune(project.settings, feeds, COMPRESS, dry_run=True).items
        (item,) = (item for item in prune(project.settings, feeds, COMPRESS).items if item.kind == "landing file")
        assert (item.action, item.name) == ("compress", "a.csv")
        assert [(i.action, i.name) for i in planned if i.kind == "landing file"] == [("compress", "a.csv")]
    kept = list((rooms.backup / "landing").iterdir())
    assert "a.csv.gz" in {path.name for path in kept}
    assert sorted(gzip.decompress(path.read_bytes()) for path in kept) == sorted(contents)

    prune(project.settings, feeds, DELETE)
    assert rooms.moved() == []
