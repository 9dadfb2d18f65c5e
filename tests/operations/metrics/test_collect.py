"""Metrics, read by statements for SQL Server; tests/integration/test_metrics.py reads them with the real services."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily

from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.database import transaction
from etl.errors import ConfigurationError
from etl.operations.metrics.collect import Metrics, read_metrics
from etl.settings import Settings
from etl.storage.files import PRIVATE_UMASK
from tests.support.metrics import promtool, samples
from tests.support.tsql import TSQLConnection
from tests.support.tsqlfeed import Feed, sensed

LOAD = 'feed="sensor_readings",job_name="load"'


def read(feed: Feed) -> dict[str, float]:
    return samples(read_metrics(feed.settings).as_text())


def test_the_numbers_are_those_of_the_audit_log(feed: Feed) -> None:
    assert not [name for name in read(feed) if "sensor_readings" in name]
    feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:00"), sensed(2, "09:00:01", 999.0)])
    feed.load([sensed(1, "09:00:05")])
    found = read(feed)
    outcomes = ("read", "processed", "rejected", "duplicate", "conflicting")
    rows = [found[f'etl_rows_total{{{LOAD},outcome="{outcome}"}}'] for outcome in outcomes]
    assert rows == [4, 2, 1, 1, 0]
    assert [found[f'etl_jobs_total{{{LOAD},status="{status}"}}'] for status in ("SUCCESS", "FAILED")] == [2, 0]
    assert found[f"etl_running_jobs{{{LOAD}}}"] == 0
    assert found[f"etl_unaccounted_rows{{{LOAD}}}"] == 0
    assert found['etl_quarantined_rows{feed="sensor_readings"}'] == 1
    assert found['etl_set_aside_items{feed="sensor_readings"}'] == 0
    newest = datetime(2025, 6, 15, 9, 0, 5, tzinfo=UTC)
    age = (datetime.now(UTC) - newest).total_seconds()
    assert found['etl_freshness_seconds{feed="sensor_readings"}'] == pytest.approx(age, abs=60)
    assert found['etl_quality_score{feed="sensor_readings"}'] == feed.value(
        "SELECT score FROM etl_quality_score WHERE log_id = (SELECT max(log_id) FROM etl_quality_score)"
    )
    (ended,) = feed.sql("SELECT max(end_time) FROM etl_log WHERE job_name = 'load'")
    assert found[f"etl_last_success_timestamp_seconds{{{LOAD}}}"] == pytest.approx(ended[0].timestamp())


def change(feed: Feed, column: str, first: str, others: str) -> None:
    """Change a number of the first load, and of all others."""
    number = feed.value("SELECT min(log_id) FROM etl_log WHERE job_name = 'load'")
    which = f"CASE WHEN log_id = {number} THEN {first} ELSE {others} END"
    TSQLConnection(feed.engine).carry_out(f"UPDATE etl_log SET {column} = {which} WHERE job_name = 'load'", [])


def test_durations_are_a_histogram(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    feed.load([sensed(1, "09:00:01")])
    change(feed, "duration_seconds", "700.5", "0.2")
    found = read(feed)
    bucket = f"etl_job_duration_seconds_bucket{{{LOAD},le="
    limits = [found[f'{bucket}"{limit}"}}'] for limit in ("0.1", "0.25", "600.0", "+Inf")]
    assert limits == [0, 1, 1, 2]
    assert found[f"etl_job_duration_seconds_count{{{LOAD}}}"] == 2
    assert found[f"etl_job_duration_seconds_sum{{{LOAD}}}"] == pytest.approx(700.7)


def test_rows_that_are_lost_are_seen_also_where_others_are_too_many(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    feed.load([sensed(1, "09:00:01")])
    change(feed, "records_read", "records_read + 5", "records_read - 1")
    assert read(feed)[f"etl_unaccounted_rows{{{LOAD}}}"] == 6


def test_open_incidents_are_counted_by_kind_and_a_kind_without_one_is_zero(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    look = Look(Kind.BACKLOG, (Finding("Too much waits."),))
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        register.take(connection, feed.settings, "sensor_readings", [look])
    assert read(feed)['etl_open_incidents{feed="sensor_readings",kind="backlog"}'] == 1
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        register.take(connection, feed.settings, "sensor_readings", [Look(Kind.BACKLOG)])
    found = read(feed)
    assert found['etl_open_incidents{feed="sensor_readings",kind="backlog"}'] == 0
    assert found['etl_open_incidents{feed="sensor_readings",kind="retention_gap"}'] == 0


def test_promtool_accepts_the_text(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    promtool("check", "metrics", given=read_metrics(feed.settings).as_text())


# --- the file ---------------------------------------------------------------------------------------------------------


def one(value: float) -> Metrics:
    return Metrics([GaugeMetricFamily("etl_test", "A number.", value)])


def test_the_file_is_replaced_in_one_step_and_may_be_read_by_everybody(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "etl.prom"
    before = os.umask(PRIVATE_UMASK)
    try:
        one(1).write(settings, file)
        with file.open() as still_open:
            one(2).write(settings, file)
            assert samples(still_open.read()) == {"etl_test": 1}
        assert samples(file.read_text("utf-8")) == {"etl_test": 2}
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert [path.name for path in tmp_path.iterdir()] == ["etl.prom"]
        assert os.umask(PRIVATE_UMASK) == PRIVATE_UMASK, "as before"
    finally:
        os.umask(before)


def test_a_file_that_cannot_be_is_refused(settings: Settings, tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing" / "etl.prom"):
        with pytest.raises(ConfigurationError, match=r"is a folder, or in a folder that does not exist"):
            one(1).write(settings, file)
