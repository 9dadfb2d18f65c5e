"""`metrics` by the command line, as cron runs it for node_exporter, judged by SQL from outside."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.metrics import promtool, samples
from tests.support.stack import Project

NOBODY = {"ETL_KAFKA_BOOTSTRAP": "127.0.0.1:9", "ETL_KAFKA_TIMEOUT_SECONDS": "5"}
PATIENT = {"ETL_KAFKA_TIMEOUT_SECONDS": "150"}
"""Metrics wait a fifth of it for Kafka, also on a machine that is busy."""
OUTCOMES = ("read", "processed", "rejected", "duplicate", "conflicting", "late")


def read(project: Project, **env: str) -> dict[str, float]:
    return samples(project.etl("metrics", expect=0, **{**PATIENT, **env}).stdout)


def require_counts(project: Project, found: dict[str, float]) -> None:
    """Counters are exactly what `etl_log` has, whatever became of the jobs."""
    sums = ", ".join(f"sum(records_{outcome})" for outcome in OUTCOMES)
    rows = project.sql(f"SELECT job_name, count(*), {sums}, sum(duration_seconds) FROM etl_log GROUP BY job_name")
    assert rows
    for job, jobs, *counts, seconds in rows:
        labels = f'feed="sensor_readings",job_name="{job}"'
        told = [found[f'etl_rows_total{{{labels},outcome="{outcome}"}}'] for outcome in OUTCOMES]
        assert told == [float(count) for count in counts]
        ended = [found[f'etl_jobs_total{{{labels},status="{status}"}}'] for status in ("SUCCESS", "FAILED")]
        assert sum(ended) == jobs == found[f"etl_job_duration_seconds_count{{{labels}}}"]
        assert found[f"etl_job_duration_seconds_sum{{{labels}}}"] == pytest.approx(float(seconds))
        assert found[f"etl_unaccounted_rows{{{labels}}}"] == 0


def test_metrics_follow_the_audit_log_from_cycle_to_cycle(project: Project) -> None:
    project.etl("init")
    project.cycle(500, bad_share=0.2)
    first = read(project)
    require_counts(project, first)
    assert first['etl_backlog_messages{feed="sensor_readings"}'] == 0
    rejected = project.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'")
    assert first['etl_quarantined_rows{feed="sensor_readings"}'] == rejected > 0
    assert first['etl_freshness_limit_seconds{feed="sensor_readings"}'] == project.contract.freshness_seconds

    project.send([b'{"sensor_id": "x"}'] * 7)
    waiting = read(project)
    assert waiting['etl_backlog_messages{feed="sensor_readings"}'] == 7
    project.cycle(100)
    second = read(project)
    require_counts(project, second)
    assert second['etl_backlog_messages{feed="sensor_readings"}'] == 0
    counters = [name for name in first if name.partition("{")[0].endswith(("_total", "_count", "_sum"))]
    assert all(second[name] >= first[name] for name in counters)
    load = 'feed="sensor_readings",job_name="load"'
    assert second[f'etl_rows_total{{{load},outcome="read"}}'] == first[f'etl_rows_total{{{load},outcome="read"}}'] + 107
    promtool("check", "metrics", given=project.etl("metrics").stdout)


def test_a_job_that_fails_and_its_incident_are_counted(project: Project) -> None:
    project.etl("init")
    project.delete_topic()
    quick = {"ETL_KAFKA_TIMEOUT_SECONDS": "3", "ETL_RETRY_SECONDS": "1"}
    project.etl("run", "--messages", "0", expect=1, **quick)
    found = read(project)
    failed = [number for name, number in found.items() if name.startswith("etl_jobs_total") and "FAILED" in name]
    assert sum(failed) == 1
    assert found['etl_open_incidents{feed="sensor_readings",kind="job_failed"}'] == 1
    assert 'etl_backlog_messages{feed="sensor_readings"}' not in found, "there is no topic"


def test_only_the_database_is_needed(project: Project) -> None:
    project.etl("init")
    project.cycle(50)
    began = time.monotonic()
    found = read(project, ETL_HOME=str(project.home.parent / "elsewhere"), **NOBODY)
    assert time.monotonic() - began < 30
    require_counts(project, found)
    assert not [name for name in found if name.startswith("etl_backlog_messages")]


def test_the_file_is_for_node_exporter_and_stays_while_the_database_is_gone(project: Project, tmp_path: Path) -> None:
    project.etl("init")
    project.cycle(50)
    file = tmp_path / "etl.prom"
    assert project.etl("metrics", "--output", str(file)).stdout == ""
    assert file.stat().st_mode & 0o777 == 0o644
    written = file.read_text("utf-8")
    require_counts(project, samples(written))
    gone = project.with_database("postgresql://u:p@127.0.0.1:9/d")
    refused = gone.etl("metrics", "--output", str(file), expect=1, ETL_DATABASE_TIMEOUT_SECONDS="2")
    assert "does not answer" in refused.stderr
    assert file.read_text("utf-8") == written


@pytest.mark.postgresql
def test_nothing_is_written(project: Project) -> None:
    project.etl("init")
    project.cycle(50)
    with project.stack.connect(autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{project.database}" SET default_transaction_read_only = on')
    require_counts(project, read(project))
