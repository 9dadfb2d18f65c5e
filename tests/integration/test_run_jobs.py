"""The jobs on real Kafka, Spark and PostgreSQL, called as the notebooks call them; one Spark session for all tests."""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, make_url, text

from etl.contract.model import EvolvedContract
from etl.contract.reader import Column, Contract
from etl.database import make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.errors import (
    ConfigurationError,
    ContractError,
    FailureBudgetExceeded,
    IntegrityError,
    PermanentError,
    RetentionGap,
    ServiceUnavailable,
    TopicMissing,
)
from etl.jobs.consume.job import consume
from etl.jobs.consume.spark import batch_writer, query
from etl.jobs.consume.spark.session import spark_session
from etl.jobs.load.job import load
from etl.jobs.load.tables import ensure_feed
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.storage import csv_dialect, files, manifests
from etl.storage.archive_file import MANIFEST_SUFFIX
from etl.storage.csv_dialect import read_chunks, to_csv
from tests.storage.test_csv_dialect import TEXTS
from tests.support.batches import write_batch
from tests.support.cluster import wait_until
from tests.support.stack import Project, with_admin

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

READING = b'{"sensor_id":%d,"temperature":20.5,"humidity":40,"timestamp":"2025-06-15 09:12:%02d"}'


def reading(number: int) -> bytes:
    return READING % (number // 60 + 1, number % 60)


def cycle(project: Project) -> None:
    """What follows after somebody sent messages."""
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)


# --- what arrives ----------------------------------------------------------------------------------------------------


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


# --- where it goes on ------------------------------------------------------------------------------------------------


def test_a_topic_that_was_recreated_is_read_from_its_beginning(project: Project) -> None:
    project.send([reading(i) for i in range(5)])
    cycle(project)
    project.delete_topic()
    project.make_topic()
    project.send([reading(i) for i in range(100, 103)])
    cycle(project)
    project.require_exact(8)
    assert project.value("SELECT count(*) FROM etl_source") == 2


def test_the_same_bytes_from_a_recreated_topic_are_counted_all_the_same(project: Project) -> None:
    for topic in ("one", "two"):
        write_labels(project, with_label(project.contract), topic, ["a", "b"], start=0)
    merge(project.settings, with_label(project.contract))
    loaded = load(project.settings, with_label(project.contract))
    assert len({archive.sha256 for archive in loaded.archives}) == 1
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.duplicate) == (4, 2, 2)


def test_a_missing_topic_is_named_and_not_created(project: Project) -> None:
    project.delete_topic()
    with pytest.raises(TopicMissing, match=f"no topic '{project.topic}'"):
        consume(project.settings, project.contract)
    with pytest.raises(TopicMissing):
        produce(project.settings, project.contract, messages=1)
    topics: list[str] = []
    with_admin(project.stack.kafka, lambda admin: topics.extend(admin.list_topics()))
    assert project.topic not in topics
    produce(project.settings, project.contract, messages=1, create_topic=True)


def test_messages_that_kafka_deleted_before_they_were_read_are_a_named_gap(project: Project) -> None:
    from kafka import TopicPartition

    project.send([reading(i) for i in range(3)], partition=0)
    cycle(project)
    project.send([reading(i) for i in range(3, 8)], partition=0)
    with_admin(project.stack.kafka, lambda admin: admin.delete_records({TopicPartition(project.topic, 0): 6}))
    with pytest.raises(RetentionGap, match=r"partition 0: offsets 3 to 5 \(3 messages\)"):
        consume(project.settings, project.contract)
    assert project.log()[-1]["status"] == "FAILED"
    # Accepted by name: reading goes on, and the log says who accepted what.
    assert consume(project.settings, project.contract, accept_gap="Ada").counts.read == 2
    assert project.log()[-1]["notes"] == {"accepted_by": "Ada", "lost_offsets": {"0": [3, 5]}}
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(5)


@pytest.mark.parametrize("lost", ["checkpoint", "checkpoint and batches merged", "checkpoint and backup"])
def test_without_a_checkpoint_reading_goes_on_where_manifests_and_ledger_end(project: Project, lost: str) -> None:
    project.send([reading(i) for i in range(5)])
    consume(project.settings, project.contract)
    if lost != "checkpoint":
        merge(project.settings, project.contract)
    if "backup" in lost:
        load(project.settings, project.contract)
        shutil.rmtree(project.home / "backup")
    shutil.rmtree(project.home / "checkpoint")
    project.send([reading(i) for i in range(5, 7)])
    assert consume(project.settings, project.contract).counts.read == 2
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(7)


def test_a_time_box_reads_what_comes_while_it_lasts(project: Project) -> None:
    project.send([reading(0)])
    consumed = consume(project.settings, project.contract, until="time_box", time_box_seconds=4, batch_seconds=1)
    assert consumed.counts.read == 1
    assert consumed.backlog == 0


def test_a_time_box_that_is_too_short_gets_on_and_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MESSAGES_PER_BATCH", 500)
    produce(project.settings, project.contract, messages=4_000, seed=1)
    first = consume(project.settings, project.contract, time_box_seconds=0.1)
    assert 0 < first.counts.read < 4_000
    assert first.backlog == 4_000 - first.counts.read
    assert consume(project.settings, project.contract).counts.read == first.backlog
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(4_000)


class Clock:
    """Time that passes only on request."""

    def __init__(self) -> None:
        self.now = self.told = 0.0
        self.asked = threading.Condition()

    def monotonic(self) -> float:
        with self.asked:
            self.told = self.now
            self.asked.notify_all()
            return self.told

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and return when somebody has noticed it."""
        with self.asked:
            self.now += seconds
            assert self.asked.wait_for(lambda: self.told == self.now, timeout=30)


@pytest.mark.parametrize(("second_takes", "ends"), [(1000, True), (1300, False)])
def test_the_batch_under_way_at_the_end_of_a_time_box_may_end_within_a_bound(
    project: Project, monkeypatch: pytest.MonkeyPatch, second_takes: float, ends: bool
) -> None:
    clock = Clock()

    class Writer(batch_writer.BatchWriter):
        def _write(self, rows: DataFrame, batch_id: int) -> None:
            if batch_id < 2:
                clock.pass_by((600, second_takes)[batch_id])
            if batch_id == 1 and not ends:
                query = spark_session(project.settings).streams.get(self.query_id)
                wait_until(lambda: query is None or not query.isActive, "the end of the query")
            super()._write(rows, batch_id)

    monkeypatch.setattr(query, "MESSAGES_PER_BATCH", 500)
    monkeypatch.setattr(query, "time", clock)
    monkeypatch.setattr(batch_writer, "time", clock)
    monkeypatch.setattr("etl.jobs.consume.topic.BatchWriter", Writer)
    produce(project.settings, project.contract, messages=4_000, seed=1)
    # The second batch goes on beyond the end at 700, and may do so up to 700 + 2 x 600.
    first = consume(project.settings, project.contract, time_box_seconds=700)
    assert len(first.batches) < 8
    assert len(first.batches) >= 1 + ends
    assert first.backlog == 4_000 - first.counts.read
    monkeypatch.setattr("etl.jobs.consume.topic.BatchWriter", Writer.__base__)
    assert consume(project.settings, project.contract, time_box_seconds=10_000).counts.read == first.backlog
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(4_000)


def test_an_unknown_end_is_refused(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="until is 'tomorrow'"):
        consume(project.settings, project.contract, until="tomorrow")


# --- the archive and the ledger --------------------------------------------------------------------------------------


def archived(project: Project, count: int = 4) -> Path:
    project.send([reading(i) for i in range(count)])
    consume(project.settings, project.contract)
    (archive,) = merge(project.settings, project.contract).archives
    return project.home / "backup" / "sensor_readings" / archive.file_name


def test_a_changed_archive_is_refused_and_loads_once_it_is_restored(project: Project) -> None:
    file = archived(project)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"20.5", b"30.5"))
    with pytest.raises(IntegrityError, match="was changed after its manifest was written"):
        load(project.settings, project.contract)
    assert project.value("SELECT count(*) FROM etl_file") == 0
    file.write_bytes(content)
    load(project.settings, project.contract)
    project.require_exact(4)


def test_an_archive_that_lies_there_twice_is_loaded_once(project: Project) -> None:
    file = archived(project)
    load(project.settings, project.contract)
    for suffix in ("", MANIFEST_SUFFIX):
        source = file.with_name(file.name + suffix)
        source.with_name(source.name.replace("sensor_readings_", "sensor_readings_copy_")).write_bytes(
            source.read_bytes()
        )
    manifest = next(file.parent.glob(f"*copy*{MANIFEST_SUFFIX}"))
    manifest.write_text(manifest.read_text().replace(file.name, manifest.name.removesuffix(MANIFEST_SUFFIX)))
    assert load(project.settings, project.contract).counts.read == 0
    project.require_exact(4)


def test_several_archives_are_loaded_oldest_first_in_one_job(project: Project) -> None:
    archived(project, 3)
    project.send([reading(10), reading(11)])
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    loaded = load(project.settings, project.contract)
    assert [archive.rows for archive in loaded.archives] == [3, 2]
    assert loaded.counts.processed == 5
    project.require_exact(5)


def test_two_merges_of_a_cycle_within_a_moment_make_two_archives(project: Project) -> None:
    contract = with_label(project.contract)
    for start in (0, 10):
        write_labels(project, contract, f"topic-{start}", ["a", "b"], start=start)
        merge(project.settings, contract)
    assert load(project.settings, contract).counts.read == 4


def test_a_merge_that_was_cut_off_is_finished_as_planned(project: Project) -> None:
    file = archived(project)
    output = project.home / "output" / "sensor_readings"
    project.send([reading(20)])
    consume(project.settings, project.contract)
    (batch,) = manifests.batches(output)
    # As after a kill between the plan and the archive: the plan names an archive that does not exist yet.
    plan = {"archives": [{"archive": "sensor_readings_planned.csv", "cycle_id": "c", "batches": [batch.name]}]}
    files.write_json(output / manifests.PLAN, plan)
    merged = merge(project.settings, project.contract)
    assert [archive.file_name for archive in merged.archives] == ["sensor_readings_planned.csv"]
    # As after a kill between the archive and the removal of its batches.
    shutil.copytree(file.parent, project.home / "kept")
    files.write_json(output / manifests.PLAN, plan)
    assert merge(project.settings, project.contract).archives[0].rows == 1
    load(project.settings, project.contract)
    project.require_exact(5)


def test_strange_files_in_output_are_left_alone_and_reported(project: Project) -> None:
    output = project.home / "output" / "sensor_readings"
    output.mkdir(parents=True)
    (output / "notes.csv").write_text("mine")
    (output / "batch-half").mkdir()
    assert merge(project.settings, project.contract).strays == ("batch-half", "notes.csv")
    assert (output / "notes.csv").read_text() == "mine"


# --- the producer ----------------------------------------------------------------------------------------------------


def test_a_file_can_be_sent_and_a_message_too_large_is_counted_and_named(project: Project, tmp_path: Path) -> None:
    lines = [reading(0), b'{"pad":"' + b"x" * 1_100_000 + b'"}', b"not json"]
    (tmp_path / "file.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    produced = produce(project.settings, project.contract, source_file=str(tmp_path / "file.jsonl"))
    assert (produced.counts.read, produced.counts.processed, produced.counts.rejected) == (3, 2, 1)
    assert produced.failures[0].startswith("message 1: MessageSizeTooLargeError")
    shifted = "5,20,50,41,2025-06-15 09:12:58"
    (tmp_path / "file.csv").write_text(
        f"sensor_id,temperature,humidity,timestamp\n5,20.50,41,2025-06-15 09:12:59\n{shifted}\n"
    )
    produce(project.settings, project.contract, source_file=str(tmp_path / "file.csv"))
    cycle(project)
    assert project.value("SELECT count(*) FROM sensor_data") == 2
    assert project.value(f"SELECT reason FROM etl_rejected_row WHERE raw = '{shifted}'") == "not_json"
    project.require_exact(4)


def test_simulated_readings_balance_by_partition(project: Project) -> None:
    produced = produce(project.settings, project.contract, messages=2_000, seed=3)
    assert sum(produced.messages_per_partition.values()) == 2_000
    assert produced.start == "2025-06-15 00:00:00"
    cycle(project)
    project.require_exact(2_000)


@pytest.mark.parametrize("file", ["missing.csv", "pyproject.toml"])
def test_a_file_that_cannot_be_sent_is_named(project: Project, file: str) -> None:
    with pytest.raises(ConfigurationError, match=Path(file).name):
        produce(project.settings, project.contract, source_file=file)


# --- texts: Spark and we write the same bytes, and they reach the table unchanged --------------------------------------

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
        ours = csv_dialect.header(EvolvedContract.of(contract).file_columns) + b"".join(
            to_csv(chunk) for chunk in chunks
        )
        assert ours == file.read_bytes()
    merge(project.settings, contract)
    load(project.settings, contract)
    assert [label for (label,) in project.sql("SELECT label FROM sensor_data ORDER BY source_offset")] == [*NASTY, None]


@given(
    rows=st.lists(st.tuples(TEXTS.filter(lambda value: value is None or "\0" not in value)), min_size=1, max_size=20)
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def write_labels(
    project: Project, contract: Contract, topic: str, labels: list[str | None], *, start: int | None = None
) -> None:
    """A committed batch of readings with these labels."""
    start = int(project.value("SELECT count(*) FROM etl_file")) * 1000 if start is None else start
    same = {"temperature": "20.5", "humidity": "40", "timestamp": "2025-06-15 09:12:01"}
    readings = [{"sensor_id": str(start + i + 1), **same, "label": label} for i, label in enumerate(labels)]
    write_batch(project.settings, contract, project.topic, topic, readings)


def with_label(contract: Contract, **rules: Any) -> Contract:
    return dataclasses.replace(contract, columns=(*contract.columns, Column("label", "text", **rules)))


# --- the database ----------------------------------------------------------------------------------------------------


def test_a_contract_that_grew_adds_a_nullable_column_to_table_and_view(project: Project) -> None:
    project.send([reading(0)])
    cycle(project)
    grown = with_label(project.contract)
    project.send([reading(1)[:-1] + b',"label":"new"}'])
    consume(project.settings, grown)
    merge(project.settings, grown)
    load(project.settings, grown)
    assert project.sql("SELECT label FROM v_sensor_data ORDER BY timestamp") == [(None,), ("new",)]


def test_a_contract_that_narrows_a_column_is_refused_by_name(project: Project) -> None:
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
    first, *others = project.contract.columns
    narrower = dataclasses.replace(project.contract, columns=(dataclasses.replace(first, bits=16), *others))
    with (
        pytest.raises(ContractError, match="column 'sensor_id' of table 'sensor_data' is INTEGER"),
        transaction(engine) as c,
    ):
        ensure_feed(c, EvolvedContract.of(narrower))
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_describes(project: Project) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from etl.database.schema.audit_tables import metadata

    engine = make_engine(project.settings)
    assert not migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert {"etl_log", "etl_file", "etl_rejected_row", "etl_source"} <= set(inspect(connection).get_table_names())
    engine.dispose()


# SQL Server's own errors of these kinds: tests/database/sqlserver/test_errors.py.
@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"username": "nobody"}, ConfigurationError, "refuses user 'nobody'"),
        ({"database": "nowhere"}, ConfigurationError, "nowhere"),
        ({"host": "127.0.0.1", "port": 9}, ServiceUnavailable, "127.0.0.1:9/.* does not answer"),
    ],
)
def test_a_wrong_database_url_is_distinguished_from_a_database_that_is_down(
    project: Project, change: dict[str, Any], error: type[Exception], said: str
) -> None:
    url = make_url(project.env["ETL_DATABASE_URL"]).set(**change).render_as_string(hide_password=False)
    update = {"database_url": type(project.settings.database())(url), "retry_seconds": 1.0}
    settings = project.settings.model_copy(update=update)
    with pytest.raises(error, match=said):
        merge(settings, project.contract)


def test_rows_that_the_database_refuses_are_found_and_their_neighbours_load(project: Project) -> None:
    cold = [reading(i).replace(b"20.5", b"-7.25") if i in (3, 4, 17) else reading(i) for i in range(20)]
    project.send(cold, partition=0)
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
    engine.dispose()
    project.sql("ALTER TABLE sensor_data ADD CONSTRAINT warm CHECK (temperature > 0)")
    cycle(project)
    rejected = project.sql("SELECT source_offset, reason, raw, problems FROM etl_rejected_row ORDER BY source_offset")
    assert [(row[0], row[1], json.loads(row[2])["temperature"]) for row in rejected] == [
        (offset, "database_refused", -7.25) for offset in (3, 4, 17)
    ]
    (problem,) = rejected[0][3]
    assert (problem["column"], problem["rule"]) == (None, "database_refused")
    # PostgreSQL distinguishes a broken check from other constraints.
    assert problem["value"] in ("SQLSTATE 23514", "SQLSTATE 23000")
    project.require_exact(20)


def test_an_archive_with_too_many_bad_rows_is_not_loaded_at_all(project: Project) -> None:
    project.send([*[reading(i) for i in range(8)], b"bad", b"bad"])
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    strict = dataclasses.replace(project.contract, failure_budget=0.1)
    with pytest.raises(FailureBudgetExceeded, match="2 of 10 rows would be rejected"):
        load(project.settings, strict)
    assert project.value("SELECT count(*) FROM etl_file") == 0
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0
    load(project.settings, dataclasses.replace(project.contract, failure_budget=0.2))
    project.require_exact(10)


@pytest.mark.postgresql
def test_an_error_of_the_database_is_reported_without_row_data(project: Project) -> None:
    archived(project)
    engine = create_engine(project.env["ETL_DATABASE_URL"])
    with engine.begin() as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
        connection.execute(
            text(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'not now: \"%\"', NEW.temperature USING ERRCODE = 'P0001'; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER no BEFORE INSERT ON sensor_data FOR EACH ROW EXECUTE FUNCTION no()"))
    engine.dispose()
    with pytest.raises(PermanentError, match="refused a statement: not now"):
        load(project.settings, project.contract)
    message = project.log()[-1]["error_message"]
    assert "P0001" in message
    assert "20.5" not in message
    assert project.value("SELECT count(*) FROM etl_file") == 0
