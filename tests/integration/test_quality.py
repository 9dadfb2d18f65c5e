"""The quality of a load: its rules, its score, and the fleet that was expected."""

from __future__ import annotations

import secrets
from datetime import datetime

import pytest

from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.batches import write_batch
from tests.support.readings import load_archives, load_readings, reading, require_windows_from_scratch
from tests.support.stack import Project


def test_quality_is_recorded_by_rule_with_a_score(project: Project) -> None:
    bad = [reading(1, "09:00:31", None), reading(1, "09:00:41", 99)]
    good = [reading(sensor, f"09:00:{10 * slot:02d}") for sensor in (1, 2) for slot in range(3)]
    loaded = load_readings(project, [*good, *bad, good[0]], fleet=None)
    rules = {
        rule: (checked, failed)
        for rule, checked, failed in project.sql("SELECT rule, checked, failed FROM etl_quality")
    }
    assert rules["temperature.required"] == (9, 1)
    assert rules["temperature.range"] == (8, 1)
    assert rules["row.valid"] == (9, 1)
    assert rules["key.unique"] == (7, 1)
    assert rules["time.on_time"] == (6, 0)
    assert loaded.score == pytest.approx(
        {
            "completeness": 100 * 35 / 36,
            "validity": 100 * 8 / 9,
            "uniqueness": 100 * 6 / 7,
            "timeliness": 100,
            "score": 0.3 * 100 * 35 / 36 + 0.4 * 100 * 8 / 9 + 0.15 * 100 * 6 / 7 + 15,
        }
    )


def test_missing_sensors_and_readings_of_the_fleet_are_noticed(project: Project) -> None:
    # Of 100 sensors two report; one of them misses one of three intervals.
    readings = [reading(1, f"09:00:{slot}1") for slot in range(3)] + [reading(2, "09:00:02"), reading(2, "09:00:22")]
    load_readings(project, readings)
    figures = "sensors_expected, sensors_seen, readings_expected, readings_seen, completeness"
    assert project.sql(f"SELECT {figures} FROM etl_quality_score") == [(100, 2, 300, 5, pytest.approx(100 * 5 / 300))]


def test_the_tally_of_a_load_sums_up_its_archives(project: Project) -> None:
    for sensor in (1, 2):
        write_batch(
            project.settings, project.contract, project.topic, secrets.token_hex(8), [reading(sensor, "09:00:00")]
        )
    merge(project.settings, project.contract)
    assert load(project.settings, project.contract).counts.read == 2
    assert project.sql("SELECT checked FROM etl_quality WHERE rule = 'message.readable'") == [(2,)]


@pytest.mark.parametrize(
    "archives",
    [
        [[reading(1, "09:00:01"), reading(2, "09:00:02")], [reading(1, "09:00:11")], [reading(3, "09:00:41")]],
        [[reading(1, "09:00:01")], [reading(1, "09:00:05"), reading(1, "09:00:12")]],  # twice in one slot
        [[reading(1, "09:00:31"), reading(2, "09:00:32")], [reading(1, "09:00:01"), reading(2, "09:00:41")]],
        [[reading(1, "09:00:01")], [reading(1, "09:00:01")], [reading(2, "09:00:11"), reading(1, "09:00:01")]],
    ],
    ids=["in order", "one slot", "out of order", "sent again"],
)
def test_archives_of_one_load_are_rated_as_if_they_were_one(
    project: Project, archives: list[list[dict[str, str | None]]]
) -> None:
    figures = "sensors_seen, readings_expected, readings_seen, completeness, timeliness, score"
    seconds = "lateness_mean_seconds, lateness_max_seconds"
    late = reading(4, "08:00:00")
    load_archives(project, [*archives, [late], [reading(4, "09:01:00")]])
    times = {(row["sensor_id"], row["timestamp"]) for archive in archives for row in archive if row["timestamp"]}
    times.add(("4", "2025-06-15 09:01:00"))
    slots = {(sensor, time[:-1]) for sensor, time in times if time}
    expected = (len({sensor for sensor, _ in times}), 700, len(slots))
    assert [row[:3] for row in project.sql(f"SELECT {figures} FROM etl_quality_score")] == [expected]
    newest = max(row["timestamp"] or "" for archive in archives for row in archive)
    behind = (datetime.fromisoformat(newest) - datetime(2025, 6, 15, 8)).total_seconds() - 600
    assert project.sql(f"SELECT {seconds} FROM etl_quality_score") == [(pytest.approx(behind), pytest.approx(behind))]
    (logged,) = project.sql("SELECT records_processed, records_late FROM etl_log WHERE job_name = 'load'")
    assert tuple(logged) == (len(times) + 1, 1)
    assert project.value("SELECT failed FROM etl_quality WHERE rule = 'time.on_time'") == 1
    require_windows_from_scratch(project)
