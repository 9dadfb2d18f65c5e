"""What the benchmarks count with: percentiles in the database, part files cut from an archive, a steady producer."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from benchmarks import batches
from benchmarks.alongside import Account, account, sending
from benchmarks.latency import latencies, note_sent
from etl.jobs.consume.offsets import unread
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.storage import manifests
from etl.storage.archive_file import archive_files
from tests.support.batches import write_batch
from tests.support.stack import Project

ROWS = 100


def archive(project: Project) -> None:
    """An archive of sound readings, without Spark."""
    readings = [
        {"sensor_id": str(number), "temperature": "20.0", "humidity": "50.0", "timestamp": "2025-06-15 09:12:01"}
        for number in range(1, ROWS + 1)
    ]
    write_batch(project.settings, project.contract, project.topic, "an-id", readings)
    merge(project.settings, project.contract)


@pytest.mark.postgresql
def test_latency_is_from_kafkas_timestamp_to_the_end_of_the_rows_own_load(project: Project) -> None:
    archive(project)
    load(project.settings, project.contract)
    sent_at = datetime.fromisoformat("2025-06-15T09:12:02+00:00")
    with project.stack.connect(project.database, autocommit=True) as connection:
        assert note_sent(connection, project.settings, project.contract) == ROWS
        ended = connection.execute("SELECT end_time FROM etl_log WHERE job_name = 'load'").fetchone()
        assert ended is not None
        whole = latencies(connection, project.contract, sent_at, sent_at + timedelta(seconds=1))
        since_then = (ended[0] - sent_at).total_seconds()
        assert whole["rows"] == ROWS
        assert list(whole["latency"].values()) == pytest.approx([since_then] * 4)
        # Row n was sent n seconds before the end of its load.
        connection.execute("UPDATE sent SET at = %s - source_offset * interval '1 second'", (ended[0],))
        found = latencies(connection, project.contract, ended[0] - timedelta(seconds=99), ended[0])
        assert found["rows"] == ROWS - 1, "the row that was sent at the very end does not count"
        assert found["latency"] == pytest.approx({"min": 1, "p50": 50, "p99": 98.02, "max": 99})


@pytest.mark.postgresql
def test_a_message_without_a_row_spoils_the_percentiles(project: Project) -> None:
    archive(project)
    load(project.settings, project.contract)
    with project.stack.connect(project.database, autocommit=True) as connection:
        note_sent(connection, project.settings, project.contract)
        connection.execute(f"DELETE FROM {project.contract.table} WHERE source_offset = 7")
        with pytest.raises(RuntimeError, match="99 were found, 100 expected"):
            _all(connection, project)
        connection.execute("DELETE FROM sent")
        with pytest.raises(RuntimeError, match="0 rows were sent"):
            _all(connection, project)


def _all(connection: psycopg.Connection, project: Project) -> None:
    moment = datetime.fromisoformat("2025-06-15T00:00:00+00:00")
    latencies(connection, project.contract, moment, moment + timedelta(days=1))


def test_part_files_cut_from_an_archive_are_merged_into_its_very_bytes(project: Project) -> None:
    archive(project)
    folder = manifests.feed_backup(project.settings, project.contract.feed)
    (file,) = archive_files(folder)
    assert batches.cut(project.settings, folder, 7) == ROWS
    output = manifests.feed_output(project.settings, project.contract.feed)
    assert [len(batch.parts) for batch in manifests.batches(output)] == [4, 3]
    (again,) = merge(project.settings, project.contract).archives
    assert (folder / again.file_name).read_bytes() == file.plain.read_bytes()
    assert again.rows == ROWS


def test_all_that_the_producer_alongside_says_it_sent_is_in_the_topic(project: Project) -> None:
    with sending(project.settings, project.contract, 1_000) as sent:
        while unread(project.describe(), {}) < ROWS:
            pass
    assert sent.number == unread(project.describe(), {}) >= ROWS


def test_the_account_is_of_what_the_database_holds(project: Project) -> None:
    archive(project)
    load(project.settings, project.contract)
    found = account(project.settings, project.contract)
    assert found == Account(loaded=ROWS, rejected=0, duplicate=0, not_successful=0, unbalanced=0)
    assert found.is_exact(ROWS)
    with pytest.raises(RuntimeError, match="101 messages were sent"):
        found.require_loaded(ROWS + 1)
    assert not Account(ROWS, 0, 0, 1, 0).is_exact(ROWS)
    assert not Account(ROWS, 0, 0, 0, 1).is_exact(ROWS)
    with pytest.raises(RuntimeError, match="'rejected': 1"):
        Account(ROWS - 1, 1, 0, 0, 0).require_loaded(ROWS)
