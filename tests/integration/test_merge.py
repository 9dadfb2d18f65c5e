"""Batches become archives, whatever was cut off before, and whatever else is in the folder."""

from __future__ import annotations

import shutil

from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.storage import files, manifests
from tests.support.messages import archived, reading, with_label, write_labels
from tests.support.stack import Project


def test_two_merges_of_a_cycle_within_a_moment_make_two_archives(project: Project) -> None:
    contract = with_label(project.contract)
    for start in (0, 10):
        write_labels(project, contract, f"topic-{start}", ["a", "b"], start=start)
        merge(project.settings, contract)
    assert load(project.settings, contract).counts.read == 4


def test_a_merge_that_was_cut_off_is_finished_as_planned(project: Project) -> None:
    file = archived(project)
    output = project.home / "output" / "sensor_readings"
    project.send([reading(20)])
    consume(project.settings, project.contract)
    (batch,) = manifests.batches(output)
    # As after a kill between the plan and the archive: the plan names an archive that does not exist yet.
    plan = {"archives": [{"archive": "sensor_readings_planned.csv", "cycle_id": "c", "batches": [batch.name]}]}
    files.write_json(output / manifests.PLAN, plan)
    merged = merge(project.settings, project.contract)
    assert [archive.file_name for archive in merged.archives] == ["sensor_readings_planned.csv"]
    # As after a kill between the archive and the removal of its batches.
    shutil.copytree(file.parent, project.home / "kept")
    files.write_json(output / manifests.PLAN, plan)
    assert merge(project.settings, project.contract).archives[0].rows == 1
    load(project.settings, project.contract)
    project.require_exact(5)


def test_strange_files_in_output_are_left_alone_and_reported(project: Project) -> None:
    output = project.home / "output" / "sensor_readings"
    output.mkdir(parents=True)
    (output / "notes.csv").write_text("mine")
    (output / "batch-half").mkdir()
    assert merge(project.settings, project.contract).strays == ("batch-half", "notes.csv")
    assert (output / "notes.csv").read_text() == "mine"
