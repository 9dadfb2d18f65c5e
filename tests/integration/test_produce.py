"""Readings are sent, simulated or from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import (
    ConfigurationError,
)
from etl.jobs.produce.job import produce
from tests.support.messages import cycle, reading
from tests.support.stack import Project


def test_a_file_can_be_sent_and_a_message_too_large_is_counted_and_named(project: Project, tmp_path: Path) -> None:
    lines = [reading(0), b'{"pad":"' + b"x" * 1_100_000 + b'"}', b"not json"]
    (tmp_path / "file.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    produced = produce(project.settings, project.contract, source_file=str(tmp_path / "file.jsonl"))
    assert (produced.counts.read, produced.counts.processed, produced.counts.rejected) == (3, 2, 1)
    assert produced.failures[0].startswith("message 1: MessageSizeTooLargeError")
    shifted = "5,20,50,41,2025-06-15 09:12:58"
    (tmp_path / "file.csv").write_text(
        f"sensor_id,temperature,humidity,timestamp\n5,20.50,41,2025-06-15 09:12:59\n{shifted}\n"
    )
    produce(project.settings, project.contract, source_file=str(tmp_path / "file.csv"))
    cycle(project)
    assert project.value("SELECT count(*) FROM sensor_data") == 2
    assert project.value(f"SELECT reason FROM etl_rejected_row WHERE raw = '{shifted}'") == "not_json"
    project.require_exact(4)


def test_simulated_readings_balance_by_partition(project: Project) -> None:
    produced = produce(project.settings, project.contract, messages=2_000, seed=3)
    assert sum(produced.messages_per_partition.values()) == 2_000
    assert produced.start == "2025-06-15 00:00:00"
    cycle(project)
    project.require_exact(2_000)


@pytest.mark.parametrize("file", ["missing.csv", "pyproject.toml"])
def test_a_file_that_cannot_be_sent_is_named(project: Project, file: str) -> None:
    with pytest.raises(ConfigurationError, match=Path(file).name):
        produce(project.settings, project.contract, source_file=file)
