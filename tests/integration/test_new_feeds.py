"""Every packaged feed in one run, and a feed of the user's own from a sample to its table (docs/contracts.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT
from tests.stack import Project

TOPICS = {"device_events": "device_stream", "raw_iot": "raw_iot"}
ROWS = {
    # 1 to 4 devices in each of 1,000 events: 50 of every 20.
    "device_events": ("iot_device_events", 2_500),
    "raw_iot": ("iot_readings", 1_000),
    "room_temperatures": ("room_temperatures", 1_000),
    "environment_telemetry": ("environment_telemetry", 1_000),
}


@pytest.fixture
def feeds(project: Project, tmp_path: Path) -> Project:
    """The packaged feeds, with topics of this test's own."""
    for feed, topic in TOPICS.items():
        text = (PROJECT_ROOT / "etl" / "feeds" / f"{feed}.odcs.yaml").read_text("utf-8")
        assert f"value: {topic}" in text
        text = text.replace(f"value: {topic}", f"value: {project.topic}-{feed}")
        (tmp_path / "feeds" / f"{feed}.odcs.yaml").write_text(text, "utf-8")
    return project


def test_simulated_readings_of_every_feed_are_all_loaded(feeds: Project) -> None:
    feeds.etl("run", *ROWS, "--messages", "1000", "--create-topic", "-p", "bad_share=0")
    loaded = {feed: feeds.value(f"SELECT count(*) FROM {table}") for feed, (table, _) in ROWS.items()}
    assert loaded == {feed: rows for feed, (_, rows) in ROWS.items()}
    assert feeds.value("SELECT count(*) FROM etl_rejected_row") == 0


def test_bad_ones_among_them_are_rejected_for_many_reasons_and_sums_hold(feeds: Project) -> None:
    feeds.etl("run", *ROWS, "--messages", "1500", "--create-topic", "-p", "bad_share=0.3", "-p", "seed=11")
    unbalanced = "records_read <> records_processed + records_rejected + records_duplicate"
    assert feeds.sql(f"SELECT feed, job_name FROM etl_log WHERE status <> 'SUCCESS' OR {unbalanced}") == []
    for feed in ROWS:
        reasons = feeds.sql(f"SELECT DISTINCT reason FROM etl_rejected_row WHERE feed = '{feed}'")
        assert len(reasons) >= 5, (feed, reasons)
        assert (
            feeds.value(f"SELECT sum(records_duplicate) FROM etl_log WHERE feed = '{feed}' AND job_name = 'load'") > 0
        )


def test_a_feed_drafted_from_nested_json_runs(project: Project, tmp_path: Path) -> None:
    devices = [{"deviceId": "a", "temperature": 20.5}, {"deviceId": "b", "temperature": 21.0}]
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"eventId": "e1", "data": {"devices": devices}, "sentAt": "2025-06-15T00:00:00Z"}))
    topic = f"{project.topic}-new"
    project.etl("feeds", "new", "mine", "--from", str(sample), "--topic", topic)
    project.etl("feeds", "check", str(tmp_path / "feeds" / "mine.odcs.yaml"))
    project.etl("run", "mine", "--messages", "300", "--create-topic", "-p", "bad_share=0.1", "-p", "seed=3")
    load = next(row for row in project.log() if row["job_name"] == "load")
    assert load["status"] == "SUCCESS"
    assert load["records_processed"] == project.value("SELECT count(*) FROM mine")
    # Most of 300 messages are good, with two devices each.
    assert load["records_processed"] > 500
    assert load["records_rejected"] > 10
    assert project.value("SELECT count(DISTINCT device_id) FROM mine") == 10


def test_a_feed_drafted_from_csv_runs(project: Project, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("device;taken at;co\nd1;25-06-2025 09:12;0.5\nd2;25-06-2025 09:12;0.25\n")
    project.etl("feeds", "new", "gases", "--from", str(sample))
    project.etl("run", "gases", "--messages", "200", "-p", "bad_share=0")
    assert project.value("SELECT count(*) FROM gases") == 200
    (project.home / "landing" / "gases").mkdir(parents=True, exist_ok=True)
    (project.home / "landing" / "gases" / "one.csv").write_bytes(sample.read_bytes())
    project.etl("run", "gases", "--messages", "0", "-p", "start=2025-06-15")
    assert project.value("SELECT count(*) FROM gases WHERE device IN ('d1', 'd2')") == 2
