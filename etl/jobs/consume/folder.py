"""Read the new files of a landing folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.audit.job import JobRun
from etl.audit.set_aside import LANDING_FILE, Failures
from etl.contract.model import EvolvedContract
from etl.contract.sources.landing_folder import LandingFolder
from etl.database import transaction
from etl.jobs.consume.consumed import Consumed, count
from etl.jobs.consume.folder_reader import FolderReader
from etl.jobs.consume.seen_files import SeenFiles
from etl.settings import Settings


def read_folder(
    settings: Settings, contract: EvolvedContract, source: LandingFolder, run: JobRun, parameters: Mapping[str, Any]
) -> Consumed:
    """Read the files that are complete, until none is left or the time box is over.

    :raises EtlError: a file failed for the first time; batches of other files are kept, and the next merge takes them.
    """
    failures = Failures(settings, run, contract.feed, LANDING_FILE)
    seen = SeenFiles(settings, contract, run.engine, failures.set_aside)
    taken = FolderReader(settings, contract, source, run.cycle_id, seen, failures).read(
        seconds=parameters["time_box_seconds"],
        keep_watching=parameters["until"] == "time_box",
        pause_seconds=parameters["batch_seconds"],
    )
    run.counts = count(taken.batches)
    with transaction(run.engine) as connection:
        run.note(connection, taken.notes)
        run.record(connection, run.counts)
    if taken.failed and not failures.goes_on:
        raise taken.failed[0]
    failures.settle()
    return Consumed(run.cycle_id, run.counts, tuple(taken.batches), len(taken.growing), taken.notes)
