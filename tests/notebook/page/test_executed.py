"""Executed copies: which file is read, and what is said of one that was changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.audit import log_rows
from etl.audit.states import NOTEBOOKS, Job
from etl.database import transaction
from etl.errors import NotFound
from etl.notebook.page import executed
from etl.notebook.page.executed import Executed, executed_sha256, page_address, read_executed
from etl.settings import Settings
from tests.support.tsql import TSQLEngine
from tests.support.tsqlfeed import NOWHERE

CONTENT = b'{"cells": []}'
STARTED = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home", database_url=NOWHERE)


def write(settings: Settings, cycle: str, job: Job = Job.LOAD, content: bytes = CONTENT) -> Path:
    file = settings.runs / cycle / f"{NOTEBOOKS[job]}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def log(settings: Settings, engine: TSQLEngine, cycle: str, *, ended: bool = True) -> None:
    """Record a load of a cycle and, at the cycle's end, the copy that it has left."""
    with transaction(engine) as connection:  # type: ignore[arg-type]
        row = log_rows.running_row("tanks", Job.LOAD, {}, STARTED)
        log_rows.open_row(connection, {**row, **log_rows.cycle_columns(cycle)})
        if ended:
            log_rows.write_executed_sha256(connection, cycle, executed_sha256(settings, cycle))


def read(settings: Settings, engine: TSQLEngine, cycle: str, job: Job = Job.LOAD) -> Executed:
    with transaction(engine) as connection:  # type: ignore[arg-type]
        return read_executed(connection, settings, cycle, job)


def test_a_copy_that_is_as_the_cycle_has_left_it_has_no_warning(settings: Settings, engine: TSQLEngine) -> None:
    file = write(settings, "c-1")
    log(settings, engine, "c-1")
    found = read(settings, engine, "c-1")
    assert (found.feed, found.status, found.content, found.warning) == ("tanks", "RUNNING", CONTENT, "")
    file.write_bytes(CONTENT + b" ")
    changed = read(settings, engine, "c-1")
    assert changed.content == CONTENT + b" "
    assert "was changed after its cycle had ended" in changed.warning


def test_a_copy_without_a_recorded_sum_says_so(settings: Settings, engine: TSQLEngine) -> None:
    write(settings, "c-1")
    log(settings, engine, "c-1", ended=False)
    assert "whether it was changed is not known" in read(settings, engine, "c-1").warning


def test_only_jobs_of_the_audit_log_have_a_page(settings: Settings, engine: TSQLEngine) -> None:
    write(settings, "c-1")
    write(settings, "c-1", Job.MERGE)
    with pytest.raises(NotFound, match="There is no job load of a cycle 'c-1'"):
        read(settings, engine, "c-1")
    log(settings, engine, "c-1")
    with pytest.raises(NotFound, match="There is no job merge"):
        read(settings, engine, "c-1", Job.MERGE)


def test_nothing_outside_of_the_folder_is_read(settings: Settings, engine: TSQLEngine, tmp_path: Path) -> None:
    outside = tmp_path / "secret.ipynb"
    outside.write_bytes(b"a secret")
    settings.runs.mkdir(parents=True)
    # A folder and a file that lead out of it, and names of cycles that nobody gives.
    (settings.runs / "linked").symlink_to(tmp_path)
    (tmp_path / "4_load.ipynb").write_bytes(b"a secret")
    (settings.runs / "c-2").mkdir()
    (settings.runs / "c-2" / "4_load.ipynb").symlink_to(outside)
    (settings.output / "4_load.ipynb").write_bytes(b"a secret")
    for cycle in ("linked", "c-2", "..", ".", "/etc", "x" * 60):
        log(settings, engine, cycle, ended=False)
        with pytest.raises(NotFound, match="is not in output/runs"):
            read(settings, engine, cycle)


def test_a_folder_or_a_huge_file_is_no_copy(
    settings: Settings, engine: TSQLEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(settings, engine, "c-1")
    (settings.runs / "c-1" / "4_load.ipynb").mkdir(parents=True)
    with pytest.raises(NotFound, match="is not in output/runs"):
        read(settings, engine, "c-1")
    monkeypatch.setattr(executed, "LARGEST", len(CONTENT) - 1)
    write(settings, "c-2")
    log(settings, engine, "c-2")
    with pytest.raises(NotFound, match="has more than"):
        read(settings, engine, "c-2")


def test_sums_are_those_of_the_copies_that_are_there(settings: Settings) -> None:
    write(settings, "c-1", Job.PRODUCE, b"")
    assert executed_sha256(settings, "c-1") == {
        Job.PRODUCE: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }
    assert executed_sha256(settings, "c-2") == {}


def test_the_address_of_a_page(settings: Settings) -> None:
    assert page_address(settings, "c-1", Job.LOAD) == ""
    served = Settings.load(home=settings.home, api_url="http://etl.example.org:8000/")
    address = page_address(served, "nightly+1/../x?#", Job.LOAD)
    assert address == "http://etl.example.org:8000/cycles/nightly%2B1%2F..%2Fx%3F%23/notebooks/load#failed"
