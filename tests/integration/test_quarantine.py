"""Rejected rows are looked at, corrected, loaded and discarded, and every step can be followed."""

from __future__ import annotations

import json

import pytest

from etl.errors import ConfigurationError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, discard, find, summary
from tests.support.stack import Project

HOT = b'{"sensor_id":1,"temperature":%s,"humidity":40,"timestamp":"2025-06-15 09:12:%02d"}'
EVERYTHING = Selection()


@pytest.fixture
def rejected(project: Project) -> Project:
    """Three readings that are too hot, one without humidity, one that is no JSON, and a good one."""
    messages = [HOT % (b"99.50", second) for second in range(3)]
    messages += [b'{"sensor_id":2,"temperature":20,"timestamp":"2025-06-15 09:12:00"}', b"broken", HOT % (b"20", 59)]
    project.send(messages, partition=0)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(6)
    return project


def test_rows_are_found_by_reason_column_and_cycle(rejected: Project) -> None:
    settings = rejected.settings
    assert {(row["reason"], row["rows"]) for row in summary(settings, EVERYTHING)} == {
        ("out_of_range", 3),
        ("missing", 1),
        ("not_json", 1),
    }
    (row,) = find(settings, Selection(column="humidity"))
    assert row["reason"] == "missing"
    assert row["source_name"] == rejected.topic
    assert len(find(settings, Selection(cycle_id=row["cycle_id"]))) == 5
    assert find(settings, Selection(cycle_id="other")) == []
    assert len(find(settings, EVERYTHING, limit=2)) == 2


def test_a_corrected_value_is_replayed_once_and_linked_both_ways(rejected: Project) -> None:
    settings, contract = rejected.settings, rejected.contract
    hot = Selection(reason="out_of_range")
    told = replay(settings, contract, hot, changes={"temperature": "19.5"}, dry_run=True)
    assert (told.counts.read, told.counts.processed) == (3, 3)
    assert rejected.value("SELECT count(*) FROM sensor_data") == 1

    done = replay(settings, contract, hot, changes={"temperature": "19.5"})
    assert (done.counts.read, done.counts.processed, done.counts.rejected) == (3, 3, 0)
    linked = rejected.sql(
        "SELECT r.status, r.note, d.temperature, l.job_name, l.status FROM etl_rejected_row r"
        " JOIN sensor_data d ON d.source_id = r.source_id AND d.source_partition = r.source_partition"
        " AND d.source_offset = r.source_offset AND d.source_item = r.source_item"
        " JOIN etl_log l ON l.log_id = r.replayed_by AND l.log_id = d.log_id"
    )
    assert linked == [("REPLAYED", 'replayed with {"temperature": "19.5"}', 19.5, "load", "SUCCESS")] * 3
    rejected.require_exact(6)

    again = replay(settings, contract, hot, changes={"temperature": "19.5"})
    assert again.counts.read == 0
    assert again.cycle_id is None
    assert rejected.value("SELECT count(*) FROM sensor_data") == 4


def test_a_row_that_is_bad_still_stays_as_it_is(rejected: Project) -> None:
    done = replay(rejected.settings, rejected.contract, EVERYTHING, changes={"humidity": "41"})
    assert (done.counts.read, done.counts.processed, done.counts.rejected) == (5, 1, 4)
    assert {bad["reason"] for bad in done.still_bad} == {"out_of_range", "not_json"}
    assert rejected.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'") == 4
    rejected.require_exact(6)


def test_a_broken_message_is_loaded_when_every_value_is_given(rejected: Project) -> None:
    changes = {"sensor_id": "9", "temperature": "20", "humidity": "40", "timestamp": "2025-06-15 10:00:00"}
    assert (
        replay(rejected.settings, rejected.contract, Selection(reason="not_json"), changes=changes).counts.processed
        == 1
    )
    assert rejected.value("SELECT source_offset FROM sensor_data WHERE sensor_id = 9") == 4


def test_a_replayed_reading_that_is_there_already_is_a_counted_duplicate(rejected: Project) -> None:
    changes = {"temperature": "20", "timestamp": "2025-06-15 09:12:59"}
    done = replay(rejected.settings, rejected.contract, Selection(reason="out_of_range"), changes=changes)
    assert (done.counts.processed, done.counts.duplicate) == (0, 3)
    assert rejected.value("SELECT count(*) FROM sensor_data") == 1


def test_a_column_that_does_not_exist_is_refused(rejected: Project) -> None:
    with pytest.raises(ConfigurationError, match="has no column 'temp'"):
        replay(rejected.settings, rejected.contract, EVERYTHING, changes={"temp": "1"})


def test_rows_are_discarded_with_a_note_and_kept(rejected: Project) -> None:
    with pytest.raises(ConfigurationError, match="needs a note"):
        discard(rejected.settings, EVERYTHING, " ")
    assert discard(rejected.settings, Selection(reason="not_json"), "Ada: noise") == 1
    assert discard(rejected.settings, Selection(reason="not_json"), "Ada: noise") == 0
    assert rejected.sql("SELECT status, note FROM etl_rejected_row WHERE reason = 'not_json'") == [
        ("DISCARDED", "Ada: noise")
    ]
    assert replay(rejected.settings, rejected.contract, Selection(reason="not_json")).counts.read == 0
    rejected.require_exact(6)


def test_the_command_line_shows_replays_and_discards(rejected: Project) -> None:
    rows = json.loads(rejected.etl("quarantine", "list", "--json").stdout)
    hot = next(row for row in rows if row["reason"] == "out_of_range")
    number = str(hot["rejected_id"])
    assert "99.50" in rejected.etl("quarantine", "list", "--reason", "out_of_range").stdout
    shown = rejected.etl("quarantine", "show", number).stdout
    assert '"temperature":99.50' in shown
    assert "out_of_range · temperature · 99.5" in shown
    other = rejected.etl("quarantine", "replay", number, "--feed", "raw_iot", expect=2).stderr
    assert f"Rejected row {number} belongs to feed sensor_readings, not raw_iot." in other
    dry = rejected.etl("quarantine", "replay", number, "--set", "temperature=21", "--dry-run").stdout
    assert "1 rows: 1 would be loaded" in dry
    assert "1 rows: 1 loaded" in rejected.etl("quarantine", "replay", number, "--set", "temperature=21").stdout
    assert "nothing to do" in rejected.etl("quarantine", "replay", number).stdout
    assert "No rows are named" in rejected.etl("quarantine", "discard", "--note", "x", expect=2).stderr
    assert "Discarded 1 rows" in rejected.etl("quarantine", "discard", "--reason", "not_json", "--note", "noise").stdout
    assert "no rejected row 999" in rejected.etl("quarantine", "show", "999", expect=2).stderr
