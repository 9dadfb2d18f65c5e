"""Readings as other programs wrap them: beside a message, in an array without an object, in the envelope of a change."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer

from etl.contract.reader import Contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from tests.support.feeds import topic_feed
from tests.support.stack import Project

Message = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers."""
ID = {"primaryKey": True, "primaryKeyPosition": 1, "logicalTypeOptions": {"maxLength": 20}}
TIME = {"logicalType": "timestamp", "primaryKey": True, "primaryKeyPosition": 2}
VALUE = {"logicalType": "number", "required": True}


def cycle(project: Project, contract: Contract, *messages: Message, at: int | None = None) -> Loaded:
    """The messages of somebody, sent at a time in milliseconds, and loaded."""
    producer = KafkaProducer(bootstrap_servers=project.stack.kafka)
    for key, value, headers in messages:
        producer.send(contract.source.name, value, key=key, headers=headers, partition=0, timestamp_ms=at)
    producer.flush()
    producer.close()
    consume(project.settings, contract)
    merge(project.settings, contract)
    return load(project.settings, contract)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_values_beside_a_message_are_loaded_and_kept_with_what_is_rejected(project: Project) -> None:
    columns: dict[str, dict[str, Any]] = {
        "device": {**ID, "custom": {"from": "key"}},
        "at": {**TIME, "custom": {"from": "broker_time"}},
        "temperature": VALUE,
        "site": {"custom": {"from": "header:site"}},
        "stream": {"custom": {"from": "topic"}},
    }
    contract = topic_feed(project, "beside", columns, eventTime={"column": "at"})
    moment = 1_749_978_721_123
    site = [("site", "Köln".encode())]
    loaded = cycle(
        project,
        contract,
        (b"a", b'{"temperature":20.5}', site),
        (b"b", b'{"temperature":"warm"}', site),
        (b"c", b"restarted", site),
        (None, b'{"temperature":21}', site),
        at=moment,
    )
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (4, 1, 3)
    at = datetime.fromtimestamp(moment / 1000, UTC)
    assert project.sql("SELECT device, at, temperature, site, stream FROM beside") == [
        ("a", at, 20.5, "Köln", contract.source.name)
    ]
    reasons = project.sql("SELECT source_offset, reason FROM etl_rejected_row ORDER BY source_offset")
    assert reasons == [(1, "wrong_type"), (2, "not_json"), (3, "missing")]
    replayed = replay(project.settings, contract, Selection(reason="wrong_type"), changes={"temperature": "19"})
    assert replayed.counts.processed == 1
    assert project.sql("SELECT device, at, temperature, site, stream FROM beside WHERE device = 'b'") == [
        ("b", at, 19.0, "Köln", contract.source.name)
    ]


def test_a_message_that_cannot_be_read_is_kept_also_where_all_that_is_required_is_beside_it(project: Project) -> None:
    columns: dict[str, dict[str, Any]] = {
        "power": {"logicalType": "number"},
        "sent": {"logicalType": "timestamp", "required": True, "custom": {"from": "broker_time"}},
        "device": {"logicalTypeOptions": {"maxLength": 20}, "custom": {"from": "key"}},
    }
    contract = topic_feed(project, "plugs", columns, eventTime={"column": "sent"}, sensor="device")
    sent = [b'{"power":231.5}', b'{"power":231.', b"restarted", None, b"{}"]
    loaded = cycle(project, contract, *((b"plug", value, []) for value in sent))
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (5, 2, 3)
    assert project.sql("SELECT power, source_offset FROM plugs ORDER BY source_offset") == [(231.5, 0), (None, 4)]
    rejected = (
        "SELECT source_offset, reason, raw FROM etl_rejected_row WHERE status = 'QUARANTINED' ORDER BY source_offset"
    )
    assert project.sql(rejected) == [
        (1, "not_json", '{"power":231.'),
        (2, "not_json", "restarted"),
        (3, "tombstone", r"\null"),
    ]
    renamed = replay(project.settings, contract, Selection(), changes={"device": "socket"})
    assert (renamed.counts.processed, renamed.counts.rejected) == (0, 3)
    given = replay(project.settings, contract, Selection(reason="tombstone"), changes={"power": "0"})
    assert (given.counts.processed, given.counts.rejected) == (1, 0)
    assert project.sql("SELECT power FROM plugs WHERE source_offset = 3") == [(0.0,)]
    assert [row[0] for row in project.sql(rejected)] == [1, 2]


def test_an_array_without_an_object_around_it_is_loaded_reading_by_reading(project: Project) -> None:
    columns = {"id": ID, "at": TIME, "value": VALUE}
    rename = {name: f"$[].{name}" for name in columns}
    contract = topic_feed(project, "listed", columns, eventTime={"column": "at"}, explode="$", rename=rename)
    readings = [{"id": f"d{n}", "value": n, "at": "2025-06-15T09:12:01Z"} for n in range(3)]
    messages = [
        as_json([*readings[:2], {**readings[2], "value": "x"}, 5]),
        as_json([]),
        as_json(readings[0]),
        b'[],"a":1',
    ]
    loaded = cycle(project, contract, *((None, message, []) for message in messages))
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (7, 2, 5)
    assert project.sql("SELECT id, value, source_offset, source_item FROM listed ORDER BY id") == [
        ("d0", 0.0, 0, 0),
        ("d1", 1.0, 0, 1),
    ]
    rejected = project.sql(
        "SELECT source_offset, source_item, reason, raw FROM etl_rejected_row ORDER BY source_offset, source_item"
    )
    assert [row[:3] for row in rejected] == [
        (0, 2, "wrong_type"),
        (0, 3, "not_object"),
        (1, 0, "no_items"),
        (2, 0, "no_items"),
        (3, 0, "not_json"),
    ]
    assert [row[3] for row in rejected] == [messages[n].decode() for n in (0, 0, 1, 2, 3)]
    replayed = replay(project.settings, contract, Selection(reason="wrong_type"), changes={"value": "2"})
    assert replayed.counts.processed == 1


def test_changes_of_a_table_are_loaded_and_deletes_are_told_as_such(project: Project) -> None:
    columns = {"id": ID, "at": TIME, "value": VALUE, "operation": {}}
    contract = topic_feed(
        project,
        "changes",
        columns,
        eventTime={"column": "at", "formats": ["epoch_milliseconds"]},
        envelope="payload.after",
        rename={"operation": "payload.op"},
        unknownKeys="discard",
    )
    row = {"id": "a", "value": 1.5, "at": 1_749_978_721_250}
    created: dict[str, Any] = {
        "schema": {"fields": [1]},
        "payload": {"before": None, "after": row, "op": "c", "source": {"lsn": 7}},
    }
    deleted = {**created, "payload": {**created["payload"], "before": row, "after": None, "op": "d"}}
    widened = {**created, "payload": {**created["payload"], "after": {**row, "id": "b", "more": 1}}}
    messages: list[Message] = [(b"k", as_json(message), []) for message in (created, deleted, widened)]
    loaded = cycle(project, contract, *messages, (b"k", None, []))
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (4, 1, 3)
    assert project.sql("SELECT id, value, operation FROM changes") == [("a", 1.5, "c")]
    reasons = project.sql("SELECT source_offset, reason FROM etl_rejected_row ORDER BY source_offset")
    assert reasons == [(1, "no_reading"), (2, "unknown_key"), (3, "tombstone")]
