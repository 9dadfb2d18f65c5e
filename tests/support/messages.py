"""Messages of the default feed, and what follows after they were sent."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from etl.contract.reader import Column, Contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.batches import write_batch
from tests.support.stack import Project

READING = b'{"sensor_id":%d,"temperature":20.5,"humidity":40,"timestamp":"2025-06-15 09:12:%02d"}'


def reading(number: int) -> bytes:
    return READING % (number // 60 + 1, number % 60)


def cycle(project: Project) -> None:
    """What follows after somebody sent messages."""
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)


def archived(project: Project, count: int = 4) -> Path:
    project.send([reading(i) for i in range(count)])
    consume(project.settings, project.contract)
    (archive,) = merge(project.settings, project.contract).archives
    return project.home / "backup" / "sensor_readings" / archive.file_name


def write_labels(
    project: Project, contract: Contract, topic: str, labels: list[str | None], *, start: int | None = None
) -> None:
    """A committed batch of readings with these labels."""
    start = int(project.value("SELECT count(*) FROM etl_file")) * 1000 if start is None else start
    same = {"temperature": "20.5", "humidity": "40", "timestamp": "2025-06-15 09:12:01"}
    readings = [{"sensor_id": str(start + i + 1), **same, "label": label} for i, label in enumerate(labels)]
    write_batch(project.settings, contract, project.topic, topic, readings)


def with_label(contract: Contract, **rules: Any) -> Contract:
    return dataclasses.replace(contract, columns=(*contract.columns, Column("label", "text", **rules)))
