"""Anomalies on a real database: each new reading is examined once, by what its sensor sent before."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC
from typing import Any

from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.batches import write_batch
from tests.support.readings import load_readings, reading, series, take_everything_back
from tests.support.stack import Project


def anomalies(project: Project) -> list[tuple[Any, ...]]:
    found = project.sql(
        "SELECT sensor, measure, kind, event_time FROM etl_anomaly ORDER BY event_time, sensor, measure, kind"
    )
    return [(*what, f"{time.astimezone(UTC):%H:%M}") for *what, time in found]


def test_a_reading_that_jumps_is_an_anomaly_however_the_readings_are_cut_into_loads(project: Project) -> None:
    readings = series(120, spike_at=100)
    load_readings(project, readings)
    expected = anomalies(project)
    assert ("2", "temperature", "outlier", "11:40") in expected
    assert len(expected) < 4
    value, low, high, score = project.sql(
        "SELECT value, expected_low, expected_high, score FROM etl_anomaly WHERE score = (SELECT max(score) FROM etl_anomaly)"
    )[0]
    assert low < 20 < high < value
    assert score > 10
    take_everything_back(project)
    for begin in range(0, len(readings), 70):
        load_readings(project, readings[begin : begin + 70])
    assert anomalies(project) == expected


def test_sensors_of_any_name_are_judged_by_what_they_sent_before(project: Project) -> None:
    names = {"1": "中", "2": """o'neil "%s" :x \\"""}
    columns = tuple(
        replace(column, type="text", minimum=None, max_length=20) if column.name == "sensor_id" else column
        for column in project.contract.columns
    )
    readings = [{**one, "sensor_id": names[one["sensor_id"] or ""]} for one in series(120, spike_at=100)]
    for part in (readings[:180], readings[180:]):
        load_readings(project, part, columns=columns, fleet=None)
    assert (names["2"], "temperature", "outlier", "11:40") in anomalies(project)


def test_archives_of_one_load_are_judged_once(project: Project) -> None:
    readings = series(120, spike_at=100)
    for part in (readings[:210], readings[210:]):
        write_batch(project.settings, project.contract, project.topic, secrets.token_hex(8), part)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    assert anomalies(project).count(("2", "temperature", "outlier", "11:40")) == 1


def test_a_silent_sensor_is_an_anomaly_and_a_late_reading_is_not_judged(project: Project) -> None:
    load_readings(project, [reading(1, "08:00:00"), reading(1, "12:00:00")])
    assert anomalies(project) == [("1", "timestamp", "gap", "12:00")]
    load_readings(project, [reading(1, "06:00:00"), reading(1, "12:00:10")])
    assert len(anomalies(project)) == 1


def test_the_threshold_can_be_given_with_the_load(project: Project) -> None:
    write_batch(project.settings, project.contract, project.topic, "a", series(120, spike_at=100))
    merge(project.settings, project.contract)
    load(project.settings, project.contract, anomaly_threshold=1000)
    assert [kind for _, _, kind, _ in anomalies(project)] == ["stuck", "stuck"]
    assert project.log()[-1]["parameters"] == {"anomaly_threshold": 1000}
