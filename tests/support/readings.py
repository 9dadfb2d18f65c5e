"""Readings that are loaded without Spark, and what the windows must then hold."""

from __future__ import annotations

import random
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.operations.undo import undo
from tests.support.batches import write_batch
from tests.support.stack import Project
from tests.support.windows import READINGS, SIZES, expected_windows, rounded


def load_readings(project: Project, readings: list[dict[str, str | None]], **changes: Any) -> Loaded:
    return load_archives(project, [readings], **changes)


def load_archives(project: Project, archives: Iterable[list[dict[str, str | None]]], **changes: Any) -> Loaded:
    """Load several archives in one job."""
    contract = replace(project.contract, **changes)
    for readings in archives:
        write_batch(project.settings, contract, project.topic, secrets.token_hex(8), readings)
        merge(project.settings, contract)
    return load(project.settings, contract)


def reading(sensor: int, time: str, temperature: float | None = 20.0, humidity: float = 40.0) -> dict[str, str | None]:
    return {
        "sensor_id": str(sensor),
        "temperature": None if temperature is None else str(temperature),
        "humidity": str(humidity),
        "timestamp": f"2025-06-15 {time}",
    }


def require_windows_from_scratch(project: Project) -> None:
    """Compare each table of windows with what Python makes of the whole table."""
    for size, seconds in SIZES.items():
        require_windows(project, size, seconds)


def require_windows(project: Project, size: str, seconds: int) -> None:
    columns = "sensor_id, measure, window_start, count, min, max, avg, stddev"
    found = rounded(project.sql(f"SELECT {columns} FROM sensor_data_{size}"))
    assert found == expected_windows(project.sql(READINGS), seconds)


def series(minutes: int, *, spike_at: int | None = None) -> list[dict[str, str | None]]:
    """Two sensors' readings, one per minute and sensor, with noise; one of them jumps once."""
    noise = random.Random(1)
    return [
        reading(
            sensor,
            f"{10 + minute // 60:02d}:{minute % 60:02d}:00",
            round(20 + noise.gauss(0, 0.3) + (15 if sensor == 2 and minute == spike_at else 0), 2),
        )
        for minute in range(minutes)
        for sensor in (1, 2)
    ]


def take_everything_back(project: Project) -> None:
    for (cycle,) in project.sql("SELECT cycle_id FROM etl_log WHERE job_name = 'load' AND undone_at IS NULL"):
        undo(project.settings, project.contract, cycle)
    shutil.rmtree(project.home / "backup")
