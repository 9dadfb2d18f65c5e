"""Every packaged feed on the one engine, and a user's own: simulated, read, merged, loaded, and looked at."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from etl.contract.reader import Contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from tests.support.stack import Project


def cycle(project: Project, contract: Contract) -> Loaded:
    consume(project.settings, contract)
    merge(project.settings, contract)
    return load(project.settings, contract)


@pytest.mark.parametrize(
    ("name", "rows"),
    # 1 to 4 devices in each of 1,000 events: 50 of every 20.
    [("device_events", 2_500), ("raw_iot", 1_000), ("room_temperatures", 1_000), ("environment_telemetry", 1_000)],
)
def test_a_packaged_feed_runs_from_its_simulator_to_its_table(project: Project, name: str, rows: int) -> None:
    contract = project.feed(name)
    produced = produce(project.settings, contract, messages=1_000, bad_share=0, seed=1)
    assert (produced.counts.read, produced.counts.rejected) == (1_000, 0)
    loaded = cycle(project, contract)
    assert (loaded.counts.read, loaded.counts.processed) == (rows, rows)
    assert project.value(f"SELECT count(*) FROM {contract.table}") == rows
    assert project.value(f"SELECT count(*) FROM {contract.table}_5m") > 0
    assert project.value(f"SELECT count(*) FROM v_{contract.table}_latest") == project.value(
        f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(contract.sensor)} FROM {contract.table}) AS s"
    )
    assert 0 < loaded.score["score"] <= 100
    # Messages sent a second time are all known, and a file with the same content is not even read;
    # bad ones among the new are rejected for many reasons.
    produce(project.settings, contract, messages=1_000, bad_share=0, seed=1)
    produce(project.settings, contract, messages=1_500, bad_share=0.3, seed=11)
    again = cycle(project, contract)
    assert again.counts.duplicate > (rows if contract.source.topics else 0)
    assert project.value(f"SELECT count(*) FROM {contract.table}") == rows + again.counts.processed
    assert again.counts.processed > 1_000
    assert len(project.sql("SELECT DISTINCT reason FROM etl_rejected_row")) >= 5
    unbalanced = "records_read <> records_processed + records_rejected + records_duplicate + records_conflicting"
    assert project.sql(f"SELECT job_name FROM etl_log WHERE status <> 'SUCCESS' OR {unbalanced}") == []


def test_devices_of_an_event_keep_apart_and_their_states_can_be_seen(project: Project) -> None:
    contract = project.feed("device_events")
    project.topic = contract.source.name
    devices = [
        {"deviceId": name, "temperature": 20.5, "measure": "C", "status": status}
        for name, status in (("a", "SUCCESS"), ("b", "ERROR"), ("c", "BROKEN"))
    ]
    event: dict[str, Any] = {
        "eventId": "e1",
        "eventOffset": 1,
        "eventPublisher": "p",
        "customerId": "c1",
        "eventTime": "2025-06-15T09:12:01Z",
    }
    project.send([json.dumps({**event, "data": {"devices": some}}).encode() for some in (devices, [])], partition=0)
    project.send([json.dumps(event).encode()], partition=0)
    loaded = cycle(project, contract)
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (5, 2, 3)
    assert project.sql("SELECT device_id, status, source_item FROM iot_device_events ORDER BY 1") == [
        ("a", "SUCCESS", 0),
        ("b", "ERROR", 1),
    ]
    rejected = "SELECT source_offset, source_item, reason FROM etl_rejected_row ORDER BY 1, 2"
    assert project.sql(rejected) == [(0, 2, "pattern"), (1, 0, "no_items"), (2, 0, "no_items")]
    assert project.sql("SELECT device_id, status, readings, share FROM v_iot_device_status ORDER BY 1") == [
        ("a", "SUCCESS", 1, 1),
        ("b", "ERROR", 1, 1),
    ]


def test_a_new_key_of_an_event_is_taken_up_from_where_it_stands(project: Project) -> None:
    contract = project.feed("device_events")
    evolving = Contract(**{**vars(contract), "unknown_keys": "evolve"})
    project.topic = contract.source.name
    devices = [{"deviceId": "a", "status": "SUCCESS", "battery": 81}, {"deviceId": "b", "status": "SUCCESS"}]
    event = {"eventOffset": 1, "customerId": "c1", "eventTime": "2025-06-15T09:12:01Z", "data": {"devices": devices}}
    for number, more in enumerate(({}, {"firmware": "7.1"})):
        project.send([json.dumps({**event, "eventId": f"e{number}", **more}).encode()])
        cycle(project, evolving)
    assert project.sql("SELECT event_id, device_id, battery, firmware FROM iot_device_events ORDER BY 1, 2") == [
        ("e0", "a", 81, None),
        ("e0", "b", None, None),
        ("e1", "a", 81, "7.1"),
        ("e1", "b", None, "7.1"),
    ]
    # Known from now on: Spark reads it into its column, and the messages need not keep their text.
    project.send([json.dumps({**event, "eventId": "e9", "firmware": "7.2"}).encode()])
    consumed = consume(project.settings, evolving)
    (batch,) = consumed.batches
    assert batch.columns[-7:-5] == ("battery", "firmware")
    part = (project.home / "output" / "device_events" / batch.name / batch.parts[0].name).read_text()
    assert all(line.endswith(",") for line in part.splitlines()[1:])


def test_temperatures_by_place_can_be_seen(project: Project) -> None:
    contract = project.feed("room_temperatures")
    folder = project.home / "landing" / "room_temperatures"
    folder.mkdir(parents=True)
    lines = ["id,room_id/id,noted_date,temp,out/in", "1,A,08-12-2018 09:30,29,In", "2,A,08-12-2018 10:30,31,In"]
    (folder / "a.csv").write_text("\n".join([*lines, "3,A,08-12-2018 09:30,9,Out"]))
    cycle(project, contract)
    assert project.sql("SELECT place, readings, average FROM v_room_temperatures_by_place ORDER BY 1") == [
        ("In", 2, 30.0),
        ("Out", 1, 9.0),
    ]


def test_a_folder_feed_runs_without_kafka_and_without_java(project: Project, tmp_path: Path) -> None:
    """Neither is reachable, and no Java process is seen while it runs."""
    project.feed("environment_telemetry")
    seen: set[str] = set()
    stop = threading.Event()

    def watch(parent: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended a moment before it is told to stop
            while not stop.wait(0.02):
                seen.update(name_of(child) for child in parent.children(recursive=True))

    project.env |= {"ETL_KAFKA_BOOTSTRAP": "127.0.0.1:1", "JAVA_HOME": str(tmp_path), "ETL_JARS": str(tmp_path)}
    running = project.popen("run", "environment_telemetry", "--messages", "200")
    watcher = threading.Thread(target=watch, args=(psutil.Process(running.pid),))
    watcher.start()
    output, _ = running.communicate(timeout=240)
    stop.set()
    watcher.join()
    assert running.returncode == 0, output
    assert project.value("SELECT count(*) FROM environment_telemetry") > 150
    assert seen
    assert not any("java" in name for name in seen)


def name_of(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


OWN = """
apiVersion: v3.1.0
kind: DataContract
id: tanks
name: tanks
version: 1.0.0
status: active
description: {purpose: Levels of tanks.}
servers: [{server: in, type: local, path: landing/tanks, format: csv}]
schema:
  - name: tanks
    physicalName: tank_levels
    logicalType: object
    properties:
      - name: tank
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 1
        logicalTypeOptions: {maxLength: 20}
      - {name: level, logicalType: number, required: true}
      - {name: at, logicalType: timestamp, required: true, primaryKey: true, primaryKeyPosition: 2}
customProperties:
  - property: eventTime
    value: {column: at}
"""


@pytest.fixture
def tanks(project: Project, tmp_path: Path) -> Path:
    """The landing folder of a user's own feed, on a database of the user's own, and no Kafka; with spaces in all names."""
    feeds = tmp_path / "my own feeds"
    feeds.mkdir()
    (feeds / "tanks.odcs.yaml").write_text(OWN.replace("landing/tanks", "'my landing/tanks #1'"))
    project.env |= {"ETL_FEEDS": str(feeds), "ETL_KAFKA_BOOTSTRAP": ""}
    folder = project.home / "my landing" / "tanks #1"
    folder.mkdir(parents=True)
    return folder


def test_a_users_own_feed_of_one_line_is_one_row(project: Project, tanks: Path) -> None:
    (tanks / "monday.csv").write_text("at,tank,level\n2025-06-16T08:00:00Z,north,3.5\n")
    (tanks / "older").mkdir()
    for name in ("older/sunday.csv", ".tuesday.csv", "notes\x1b.xlsx"):
        (tanks / name).touch()
    (tanks / "broken.csv").write_text("when,tank\n")
    planned = project.etl("run", "tanks", "--dry-run").stdout
    assert "tanks: 0 readings are simulated, because its contract is your own" in planned
    told = project.etl("run", "tanks", "--strict").stdout
    assert project.sql("SELECT tank, level FROM tank_levels") == [("north", 3.5)]
    assert project.value("SELECT avg FROM tank_levels_5m") == 3.5
    assert "tanks: no readings are simulated, because its contract is your own; --messages N simulates some." in told
    assert "1 file set aside: broken.csv (" in told
    assert "3 files ignored: 1 with another ending (notes\\x1b.xlsx), 1 in a subfolder, 1 hidden." in told
    notes = project.value("SELECT notes FROM etl_log WHERE job_name = 'consume'")
    assert notes["ignored"] == {"other_ending": 1, "in_subfolders": 1, "hidden": 1}
    assert notes["ignored_files"] == ["notes\\x1b.xlsx", "older/sunday.csv", ".tuesday.csv"]


def test_a_cycle_that_rejected_everything_is_not_done(project: Project, tanks: Path) -> None:
    lines = ["at,tank,level", *(f"2025-06-16T08:0{n}:00Z,north,high" for n in range(3)), ",south,1"]
    (tanks / "monday.csv").write_text("\n".join([*lines, ""]))
    told = project.etl("run", "tanks")
    cycle = project.log()[-1]["cycle_id"]
    assert "Nothing was loaded: all 4 rows rejected." in told.stdout
    look = f"4 rows rejected: 3 wrong_type, 1 missing. Look at them: python -m etl quarantine list --cycle {cycle}"
    assert look in told.stdout
    assert "wrong_type" in project.etl("quarantine", "list", "--cycle", cycle).stdout

    (tanks / "tuesday.csv").write_text("\n".join(lines[:2]))
    told = project.etl("run", "tanks", "--every", "1s", "--cycles", "1", "--strict", expect=1)
    assert re.search(r"UTC tanks \S+: .*Nothing was loaded: 1 row rejected\.", told.stdout)
    assert project.sql("SELECT tank FROM tank_levels") == []
