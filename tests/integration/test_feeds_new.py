"""A feed of the user's own, from a sample to its table (docs/contracts.md)."""

from __future__ import annotations

import json
from pathlib import Path

from etl.contract.reader import load_contract
from tests.support.stack import Project


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
    project.cycle(contract=load_contract("gases", project.settings), start="2025-06-15")
    assert project.value("SELECT count(*) FROM gases WHERE device IN ('d1', 'd2')") == 2
