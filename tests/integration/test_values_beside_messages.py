"""Values that are in no message: taken from its key or its time in Kafka, or joined from others. Every row keeps them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from etl.contract.model import Column, Contract
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, find
from etl.operations.undo import undo
from tests.support.readings import load_readings, require_windows_from_scratch
from tests.support.stack import Project

SENT = "2025-06-15T09:00:00.250Z"


def told_beside(contract: Contract) -> Contract:
    """The feed with its sensor in the message's key, its time in two columns, and the message's time in Kafka."""
    when = Column("timestamp", "timestamp", required=True, combine=("day", "clock"), formats=("%d.%m.%Y %H.%M",))
    columns = {column.name: column for column in contract.columns}
    columns["sensor_id"] = replace(columns["sensor_id"], origin="key")
    columns["timestamp"] = when
    parts = (Column("day", "text"), Column("clock", "double"), Column("sent", "timestamp", origin="broker_time"))
    return replace(contract, columns=(*columns.values(), *parts))


def sent(sensor: str | None, clock: str, temperature: str = "20.5", *, at: str = SENT, **more: Any) -> dict[str, Any]:
    values = {"temperature": temperature, "humidity": "40", "day": "15.06.2025", "clock": clock}
    return {"sensor_id": sensor, "sent": at, **values, **more}


@pytest.fixture
def feed(project: Project) -> Project:
    project.contract = told_beside(project.contract)
    return project


READINGS = "SELECT sensor_id, timestamp, temperature, sent FROM sensor_data ORDER BY sensor_id, timestamp"


def test_a_replay_has_what_was_beside_the_messages(feed: Project) -> None:
    broken = '{"temperature": 21'
    rows = [
        sent("1", "9.00"),
        sent("2", "9.05", "99"),
        {"sensor_id": "3", "sent": SENT, "raw": broken},
        sent(None, "9.10"),
    ]
    loaded = load_readings(feed, rows)
    assert (loaded.counts.processed, loaded.counts.rejected) == (1, 3)
    kept = {row["reason"]: row for row in find(feed.settings, Selection())}
    of_2, of_3, of_none = (kept[reason] for reason in ("out_of_range", "not_json", "missing"))
    assert of_2["beside_message"] == {"key": "2", "broker_time": SENT}
    assert of_3["beside_message"] == {"key": "3", "broker_time": SENT}
    assert of_none["beside_message"] == {"broker_time": SENT}
    assert json.loads(of_2["raw"]) == {"temperature": 99, "humidity": 40, "day": "15.06.2025", "clock": 9.05}
    shown = feed.etl("quarantine", "show", str(of_2["rejected_id"])).stdout
    assert "beside it, key" in shown

    wider = tuple(replace(c, maximum=100.0) if c.name == "temperature" else c for c in feed.contract.columns)
    contract = replace(feed.contract, columns=wider)
    assert replay(feed.settings, contract, Selection(reason="out_of_range"), dry_run=True).counts.processed == 1
    assert replay(feed.settings, contract, Selection(reason="out_of_range")).counts.processed == 1
    moment, arrived = datetime(2025, 6, 15, 9, 5, tzinfo=UTC), datetime(2025, 6, 15, 9, 0, 0, 250000, tzinfo=UTC)
    assert feed.sql(READINGS)[1] == (2, moment, 99.0, arrived)
    given = {"temperature": "21", "humidity": "40", "day": "15.06.2025", "clock": "9.20"}
    assert replay(feed.settings, contract, Selection(reason="not_json"), changes=given).counts.processed == 1
    assert (
        replay(feed.settings, contract, Selection(reason="missing"), changes={"sensor_id": "4"}).counts.processed == 1
    )
    assert [row[0] for row in feed.sql(READINGS)] == [1, 2, 3, 4]
    require_windows_from_scratch(feed)


def test_an_undone_replay_leaves_rows_that_can_be_replayed_again(feed: Project) -> None:
    load_readings(feed, [sent("1", "9.00", "99")])
    wider = tuple(replace(c, maximum=100.0) if c.name == "temperature" else c for c in feed.contract.columns)
    contract = replace(feed.contract, columns=wider)
    for _ in range(2):
        done = replay(feed.settings, contract, Selection())
        assert done.counts.processed == 1
        assert done.cycle_id is not None
        undo(feed.settings, contract, done.cycle_id)
    assert feed.value("SELECT count(*) FROM sensor_data") == 0


def test_a_message_that_was_sent_twice_is_a_duplicate_whenever_it_arrived(feed: Project) -> None:
    again = "2025-06-15T10:00:00.000Z"
    loaded = load_readings(feed, [sent("1", "9.00"), sent("1", "9.00", at=again), sent("1", "9.00", "30", at=again)])
    assert (loaded.counts.processed, loaded.counts.duplicate, loaded.counts.conflicting) == (1, 1, 1)
    (row,) = find(feed.settings, Selection(reason="conflicting"))
    assert [(problem["column"], problem["value"]) for problem in row["problems"]] == [("temperature", "30")]
    assert row["beside_message"] == {"key": "1", "broker_time": again}


def test_a_row_that_was_replaced_comes_back_whole(feed: Project) -> None:
    feed.contract = replace(feed.contract, on_conflict="keepLast")
    # The clock is the number 9.3 in the table: a time that is joined from it again would be three minutes past nine.
    load_readings(feed, [sent("1", "9.30"), sent("2", "9.30")])
    before = feed.sql(READINGS)
    second = load_readings(feed, [sent("1", "9.30", "30"), sent("3", "9.30")])
    assert (second.counts.processed, second.counts.conflicting) == (1, 1)
    assert [row[2] for row in feed.sql(READINGS)] == [30.0, 20.5, 20.5]
    undo(feed.settings, feed.contract, second.cycle_id)
    assert feed.sql(READINGS) == before
    require_windows_from_scratch(feed)
