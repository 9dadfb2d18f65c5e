"""Messages and texts on their way from Kafka to the table: what arrives, and in which form."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.contract.model import EvolvedContract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.storage import batch_csv, manifests
from etl.storage.batch_csv import read_chunks, to_csv
from tests.storage.test_batch_csv import TEXTS
from tests.support.messages import READING, cycle, reading, with_label, write_labels
from tests.support.stack import Project


def test_a_message_of_any_client_arrives_with_topic_partition_and_offset(project: Project) -> None:
    project.send([reading(0)])
    ((partition, offset),) = project.send(
        [b'{"sensor_id":7,"temperature":21.25,"humidity":40,"timestamp":"2025-06-15T09:12:01Z"}']
    )
    cycle(project)
    found = project.sql(
        "SELECT temperature, humidity, timestamp, source_name, source_partition, source_offset, source_item"
        " FROM v_sensor_data WHERE sensor_id = 7"
    )
    assert found == [(21.25, 40.0, datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC), project.topic, partition, offset, 0)]
    project.require_exact(2)


BAD: list[tuple[bytes | None, str]] = [
    (None, "tombstone"),
    (b"", "empty"),
    (b"hello", "not_json"),
    (b"null", "not_object"),
    (b"[]", "not_object"),
    (b"[%s]" % READING % (1, 1), "not_object"),
    (b'{"sensor_id":1,"temper', "not_json"),
    (b"\xef\xbb\xbf" + READING % (1, 1), "not_json"),
    (b'{"sensor_id":1,"temperature":"\xff"}', "not_utf8"),
    (READING % (1, 1) + b" x", "not_json"),
    (READING % (1, 1) + b"]", "not_json"),
    (READING % (1, 1) + b"," + READING % (2, 2), "not_json"),
    (READING % (1, 1) + READING % (2, 2), "not_json"),
    (
        b'{"sensor_id":1,"sensor_id":2,"temperature":20,"humidity":40,"timestamp":"2025-06-15 09:12:01"}',
        "duplicate_key",
    ),
    (b'{"Sensor_ID":1,"temperature":20,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "missing"),
    (b'{"sensor_id":true,"temperature":20,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "wrong_type"),
    (b'{"sensor_id":1.0,"temperature":20,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "wrong_type"),
    (b'{"sensor_id":99999999999,"temperature":20,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "out_of_range"),
    (b'{"sensor_id":1,"temperature":NaN,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "not_finite"),
    (b'{"sensor_id":1,"temperature":1e400,"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "not_finite"),
    (b'{"sensor_id":1,"temperature":{"c":20},"humidity":40,"timestamp":"2025-06-15 09:12:01"}', "wrong_type"),
    (b'{"sensor_id":1,"temperature":20,"humidity":101,"timestamp":"2025-06-15 09:12:01"}', "out_of_range"),
    (b'{"sensor_id":1,"temperature":20,"humidity":40,"timestamp":"2025-02-30 09:12:01"}', "bad_time"),
    (b'{"sensor_id":1,"temperature":20,"humidity":40,"timestamp":1750000000}', "bad_time"),
    (b'{"sensor_id":1,"temperature":20,"humidity":40,"timestamp":"1970-01-01 00:00:00"}', "time_out_of_range"),
    (b'{"sensor_id":1,"temperature":20,"humidity":40,"timestamp":"\\ud800"}', "invalid_text"),
    (b"\\x41", "not_json"),
]


def test_every_bad_message_is_kept_with_its_bytes_and_reason_and_its_neighbours_load(project: Project) -> None:
    from etl.validation.texts import decode_raw

    mixed = [value for i, (bad, _) in enumerate(BAD) for value in (bad, reading(i))]
    where = project.send(mixed, partition=0)
    cycle(project)
    rejected = {
        offset: (reason, decode_raw(raw), rebuilt)
        for offset, reason, raw, rebuilt in project.sql(
            "SELECT source_offset, reason, raw, raw_rebuilt FROM etl_rejected_row"
        )
    }
    expected = {where[2 * i][1]: (reason, bad, False) for i, (bad, reason) in enumerate(BAD)}
    assert rejected == expected
    assert project.value("SELECT count(*) FROM sensor_data") == len(BAD)
    project.require_exact(len(mixed))


def test_a_reading_that_is_sent_twice_is_one_row_and_one_counted_duplicate(project: Project) -> None:
    project.send([reading(1), reading(2), reading(1)], partition=0)
    cycle(project)
    project.send([reading(2).replace(b"20.5", b"30.5")])
    cycle(project)
    assert project.sql("SELECT temperature FROM sensor_data") == [(20.5,), (20.5,)]
    project.require_exact(4)


def test_a_key_that_came_into_the_table_otherwise_is_a_duplicate_and_the_rest_is_loaded(project: Project) -> None:
    """The loader takes these rows for new ones, and the table knows better."""
    project.send([reading(0)], partition=0)
    cycle(project)
    project.sql(
        "INSERT INTO sensor_data SELECT sensor_id, temperature, humidity, \"timestamp\" + interval '5 seconds',"
        " source_id, source_partition, source_offset, source_item, 0, NULL FROM sensor_data"
    )
    (before,) = project.sql('SELECT sensor_id, "timestamp" FROM sensor_data WHERE log_id = 0')
    project.send([reading(i) for i in range(1, 10)], partition=0)
    cycle(project)
    assert project.value("SELECT max(records_duplicate) FROM etl_log") == 1
    assert project.value("SELECT count(*) FROM sensor_data") == 10
    assert project.sql('SELECT sensor_id, "timestamp" FROM sensor_data WHERE log_id = 0') == [before]


def test_numbers_may_come_as_text_and_keep_their_value(project: Project) -> None:
    project.send([b'{"sensor_id":"3","temperature":"0.1","humidity":1e1,"timestamp":"2025-06-15 09:12:01"}'])
    cycle(project)
    assert project.sql("SELECT sensor_id, temperature, humidity FROM sensor_data") == [(3, 0.1, 10.0)]


NASTY = [
    "", " ", "  both sides  ", "NA", "null", "NULL", "None", "nan", "007", "=1+1", "a,b", 'say "x"', '"', '""', "'",
    "line\nfeed", "\r", "\r\n", "\n", "end\\", "\\", "\\x41", "\\N", "\t", "#hash", "😀", "\u200fright", "e\u0301",
    "\u2028", "[1]", "{}", "{\"a\":1}", "\x01", "\x7f", "\u00a0", "-", ",", ";", "x" * 5000,
]  # fmt: skip


def test_texts_reach_the_table_unchanged_through_kafka_spark_and_merge(project: Project) -> None:
    contract = with_label(project.contract)
    messages = [json.dumps({**json.loads(reading(i)), "label": value}) for i, value in enumerate(NASTY)]
    messages.append(json.dumps({**json.loads(reading(len(NASTY))), "label": None}))
    project.send([message.encode() for message in messages], partition=0)
    consume(project.settings, contract)
    (batch,) = manifests.batches(project.home / "output" / "sensor_readings")
    for part in batch.parts:
        file = project.home / "output" / "sensor_readings" / batch.name / part.name
        chunks = list(read_chunks(file))
        ours = batch_csv.header(EvolvedContract.of(contract).file_columns) + b"".join(to_csv(chunk) for chunk in chunks)
        assert ours == file.read_bytes()
    merge(project.settings, contract)
    load(project.settings, contract)
    assert [label for (label,) in project.sql("SELECT label FROM sensor_data ORDER BY source_offset")] == [*NASTY, None]


@given(
    rows=st.lists(st.tuples(TEXTS.filter(lambda value: value is None or "\0" not in value)), min_size=1, max_size=20)
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_goes_from_part_to_table_and_comes_back_equal(project: Project, rows: list[tuple[str | None]]) -> None:
    contract = with_label(project.contract)
    topic = secrets.token_hex(8)
    write_labels(project, contract, topic, [label for (label,) in rows])
    merge(project.settings, contract)
    load(project.settings, contract)
    found = project.sql(
        "SELECT label FROM sensor_data AS d JOIN etl_source AS s ON s.source_id = d.source_id"
        f" WHERE s.identity = '{topic}' ORDER BY d.source_offset"
    )
    assert found == rows
