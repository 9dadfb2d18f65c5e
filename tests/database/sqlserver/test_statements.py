"""SQL Server's statements as golden files, which people read when they change, and held to what T-SQL allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.audit import spool
from etl.audit.heartbeat import beat
from etl.database.sqlserver.checks import ABOUT, RIGHTS, SNAPSHOT
from etl.database.sqlserver.limits import PARAMETERS
from etl.database.sqlserver.product import BEGIN, TAKE_LOCK, TRANSACTION_ID
from etl.errors import IntegrityError
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.notebook import queries as reading
from etl.operations import explain, history, status
from etl.operations.quarantine import files as quarantine_files
from etl.operations.quarantine import rows as quarantine_
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.retention import prune
from etl.operations.retention.policy import Policy
from etl.operations.undo import undo
from etl.settings import PROJECT_ROOT
from tests.support.batches import write_batch
from tests.support.golden import FOLDER, as_script, require_golden
from tests.support.tsql import parse
from tests.support.tsqlfeed import Feed, sensed


def _golden(feed: Feed, name: str) -> None:
    require_golden(f"sqlserver/{name}.sql", as_script(feed.engine.recorded()))
    feed.engine.forget()


def test_the_whole_set_of_statements_is_as_committed(feed: Feed) -> None:
    """Job by job and command by command; a statement is where it came first."""
    loaded = feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:00"), sensed(2, "bad"), sensed(1, "09:00:20", 999.0)])
    _golden(feed, "first_load")
    feed.load([sensed(1, "08:00:00"), sensed(1, "09:10:00")])
    _golden(feed, "load")
    beat(feed.engine, 1)  # type: ignore[arg-type]
    spool.keep(feed.settings, _kept(loaded))
    spool.flush(feed.settings, feed.engine)  # type: ignore[arg-type]
    _golden(feed, "audit")
    explain.explain(feed.settings, loaded.cycle_id)
    history.history(feed.settings, feed="sensor_readings", failed=True)
    status.status(feed.settings, {"sensor_readings": feed.contract})
    explored = reading.explore(feed.settings, feed.contract)
    reading.export(feed.settings, explored, "readings.csv")
    reading.health(feed.settings)
    _golden(feed, "reading")
    quarantine_.find(feed.settings, Selection(column="temperature"))
    quarantine_.summary(feed.settings, Selection(cycle_id=loaded.cycle_id))
    replay(feed.settings, feed.contract, Selection(), changes={"temperature": "30"})
    quarantine_.discard(feed.settings, Selection(reason="bad_time"), "broken")
    _golden(feed, "quarantine")
    prune.prune(feed.settings, {"sensor_readings": feed.contract}, Policy(timedelta(0), timedelta(0)), dry_run=True)
    _golden(feed, "prune")
    newest = feed.value(
        "SELECT cycle_id FROM etl_log WHERE records_read = 2 AND job_name = 'load' ORDER BY log_id DESC"
    )
    undo(feed.settings, feed.contract, newest)
    _golden(feed, "undo")
    feed.contract = replace(feed.contract, on_conflict="keepLast")
    for replaced in [feed.load([sensed(1, "08:00:00", value)]) for value in (31.0, 32.0)]:
        undo(feed.settings, feed.contract, replaced.cycle_id)
    _golden(feed, "keep_last")


def test_the_statements_of_what_is_set_aside_are_as_committed(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    feed.engine.forget()
    write_batch(feed.settings, feed.contract, "sensor-data", "topic", [sensed(1, "09:10:00")])
    (archive,) = merge(feed.settings, feed.contract).archives
    file = feed.settings.backup / "sensor_readings" / archive.file_name
    content = file.read_bytes()
    file.write_bytes(content[:-5])
    with pytest.raises(IntegrityError, match="was changed"):
        load(feed.settings, feed.contract)
    load(feed.settings, feed.contract)
    assert feed.sql("SELECT kind, status, attempts FROM etl_set_aside") == [("archive", "SET_ASIDE", 2)]
    file.write_bytes(content)
    quarantine_files.retry(feed.settings, archive.file_name)
    assert load(feed.settings, feed.contract).counts.processed == 1
    assert feed.sql("SELECT status FROM etl_set_aside") == [("RESOLVED",)]
    _golden(feed, "set_aside")


def _kept(loaded: Loaded) -> dict[str, Any]:
    now = datetime.now(UTC)
    ended = {"status": "FAILED", "end_time": now, "heartbeat_at": now, "duration_seconds": 1.0, "error_type": "Away"}
    begun = {"cycle_id": loaded.cycle_id, "feed": "sensor_readings", "job_name": "load", "start_time": now}
    return {**begun, **ended, "error_message": "away", "host": "here", "pid": 1}


def test_the_sessions_own_statements_are_as_committed() -> None:
    require_golden("sqlserver/session.sql", as_script([BEGIN, TAKE_LOCK, TRANSACTION_ID, ABOUT, SNAPSHOT, RIGHTS]))


def _files() -> Iterator[Path]:
    yield from sorted((FOLDER / "sqlserver").glob("*.sql"))
    yield from sorted((PROJECT_ROOT / "sql" / "views" / "sqlserver").glob("*.sql"))
    yield PROJECT_ROOT / "sql" / "ddl" / "sqlserver.sql"


@pytest.mark.parametrize("file", list(_files()), ids=lambda file: file.name)
def test_every_statement_is_t_sql(file: Path) -> None:
    for batch in file.read_text("utf-8").split("\nGO\n"):
        if batch.strip():
            assert parse(batch), batch


@pytest.mark.parametrize("file", list(_files()), ids=lambda file: file.name)
def test_nothing_is_used_that_sql_server_2016_lacks(file: Path) -> None:
    text = file.read_text("utf-8").upper()
    for word in (
        "DATE_BUCKET",
        "DATETRUNC",
        "GENERATE_SERIES",
        "STRING_AGG",
        "GREATEST(",
        "LEAST(",
        "TRIM(",
        "MERGE INTO",
        "OR ALTER",
    ):
        assert word not in text, word


@pytest.mark.parametrize("file", list(_files()), ids=lambda file: file.name)
def test_no_statement_binds_more_than_sql_server_takes(file: Path) -> None:
    for batch in file.read_text("utf-8").split("\nGO\n"):
        assert batch.count("?") < PARAMETERS
