"""SQL Server's statements: T-SQL as golden files, and carried out by DuckDB, which says whether they mean the right thing."""

from __future__ import annotations

import copy
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint, insert, literal, literal_column, select
from sqlalchemy.exc import IntegrityError as SQLAlchemyIntegrityError

from etl.audit import spool
from etl.audit.heartbeat import beat
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, load_contract, load_contracts, parse_contract
from etl.database import DOUBLE, MOMENT, Refused, add_seconds, make_stage, text_of, transaction, window_start
from etl.database.schema.changes import require_possible
from etl.database.schema.ddl import script
from etl.database.schema.ensure import ensure_feed
from etl.database.schema.views import ensure_common_views
from etl.database.sqlserver.checks import ABOUT, RIGHTS, SNAPSHOT, findings
from etl.database.sqlserver.limits import PARAMETERS
from etl.database.sqlserver.product import BEGIN, TAKE_LOCK, TRANSACTION_ID, offline_dialect
from etl.database.sqlserver.stage import BATCH_BYTES, batches
from etl.errors import ConfigurationError, ContractError, IntegrityError
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.notebook import queries as reading
from etl.operations import explain, status
from etl.operations.quarantine import files as quarantine_files
from etl.operations.quarantine import rows as quarantine_
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.retention import prune
from etl.operations.retention.policy import Policy
from etl.operations.undo import undo
from etl.settings import PROJECT_ROOT, Settings
from tests.support.batches import write_batch
from tests.support.edits import DOCUMENT, column
from tests.support.golden import FOLDER, require_golden
from tests.support.tsql import TSQLConnection, TSQLEngine, parse
from tests.support.tsqlfeed import NOWHERE, Feed, as_initialised, sensed


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TSQLEngine:
    return as_initialised(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url=NOWHERE)


@pytest.fixture
def feed(engine: TSQLEngine, home: Settings, contract: Contract) -> Feed:
    return Feed(engine, home, contract)


# --- what the statements mean ----------------------------------------------------------------------------------------


def test_of_rows_with_the_same_key_the_first_is_loaded_and_the_others_are_counted(feed: Feed) -> None:
    loaded = feed.load([sensed(1, "09:00:00", 21.0), sensed(1, "09:00:00", 21.0), sensed(2, "09:00:00", 23.0)])
    assert (loaded.counts.processed, loaded.counts.duplicate) == (2, 1)
    again = feed.load([sensed(1, "09:00:00", 24.0), sensed(1, "09:00:01", 25.0), sensed(1, "bad")])
    assert (again.counts.processed, again.counts.conflicting, again.counts.rejected) == (1, 1, 1)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1, 2") == [(1, 21.0), (1, 25.0), (2, 23.0)]
    assert feed.sql("SELECT DISTINCT status FROM etl_log") == [("SUCCESS",)]


def test_the_last_row_of_a_key_takes_the_place_of_the_others_where_the_contract_says_so(feed: Feed) -> None:
    feed.contract = replace(feed.contract, on_conflict="keepLast")
    feed.load([sensed(1, "09:00:00", 21.0), sensed(1, "09:00:00", 22.0), sensed(2, "09:00:00", 23.0)])
    later = feed.load([sensed(2, "09:00:00", 24.0), sensed(2, "09:00:00", 25.0)])
    assert (later.counts.processed, later.counts.conflicting) == (0, 2)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1") == [(1, 22.0), (2, 25.0)]
    feed.require_windows()
    undo(feed.settings, feed.contract, later.cycle_id)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1") == [(1, 22.0), (2, 23.0)]
    feed.require_windows()


def test_late_rows_and_an_undo_correct_their_windows(feed: Feed) -> None:
    feed.load([sensed(sensor, f"09:{minute:02}:30.123456", 20 + minute) for sensor in (1, 2) for minute in range(20)])
    feed.require_windows()
    late = feed.load([sensed(1, "08:00:00", 1.0), sensed(1, "09:03:00", 2.0), sensed(1, "23:59:59.999999", 3.0)])
    assert late.counts.late == 2
    feed.require_windows()
    undone = undo(feed.settings, feed.contract, late.cycle_id)
    assert (undone.rows, undone.rejected, len(undone.archives)) == (3, 0, 1)
    feed.require_windows()
    assert load(feed.settings, feed.contract).counts.processed == 3
    feed.require_windows()


def test_a_load_leaves_log_ledger_quality_and_anomalies(feed: Feed) -> None:
    start = datetime(2025, 6, 15, 9, tzinfo=UTC)
    times = [(start + timedelta(seconds=10 * place)).strftime("%H:%M:%S") for place in range(200)]
    noise = [0.1 * ((7 * place) % 11) for place in range(200)]
    noise[150] = 25.0
    loaded = feed.load([sensed(1, time, 20 + n) for time, n in zip(times, noise, strict=True)])
    assert loaded.counts.processed == 200
    assert feed.sql("SELECT kind, value FROM etl_anomaly WHERE measure = 'temperature'") == [("outlier", 45.0)]
    assert feed.value("SELECT count(*) FROM etl_file") == 1
    log = feed.sql("SELECT status, records_read, last_event_time FROM etl_log WHERE job_name = 'load'")
    assert log == [("SUCCESS", 200, start + timedelta(seconds=1990))]
    assert feed.sql("SELECT sensors_expected, sensors_seen, readings_seen FROM etl_quality_score") == [(100, 1, 200)]


def test_views_show_the_newest_reading_and_pooled_statistics(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00", 10.0), sensed(1, "23:59:00", 12.0), sensed(2, "09:00:00", 5.0)])
    feed.load([{**sensed(1, ""), "timestamp": "2025-06-16 09:00:00", "temperature": "17.0"}])
    newest = "SELECT sensor_id, temperature FROM v_sensor_data_latest ORDER BY 1"
    assert feed.sql(newest) == [(1, 17.0), (2, 5.0)]
    figures = "SELECT count, min, max, avg, stddev FROM v_sensor_data_statistics WHERE measure = 'temperature' AND sensor_id = 1"
    (found,) = feed.sql(figures)
    assert found[:4] == (3, 10.0, 17.0, 13.0)
    assert found[4] == pytest.approx(statistics.stdev([10.0, 12.0, 17.0]))
    assert feed.value("SELECT count(*) FROM v_sensor_data WHERE source_name = 'sensor-data'") == 4


def test_the_dashboards_views_tell_what_happened(feed: Feed) -> None:
    loaded = feed.load([sensed(1, "09:00:00", 20.0), sensed(1, "09:00:00"), sensed(2, "09:00:00", 999.0)])
    feed.load([sensed(1, "08:00:00", 10.0)])
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        ensure_common_views(connection, [EvolvedContract.of(feed.contract)])
    for (view,) in feed.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal"):
        feed.sql(f"SELECT * FROM {view}")
    cycle = f"cycle_id = '{loaded.cycle_id}'"
    counts = "records_loaded, records_rejected, records_duplicate"
    assert feed.sql(f"SELECT status, {counts} FROM v_etl_cycles WHERE {cycle}") == [("SUCCESS", 1, 1, 1)]
    assert feed.sql("SELECT waiting_for_merge, waiting_for_load, running_jobs FROM v_etl_backlog") == [(0, 0, 0)]
    assert feed.sql("SELECT step, unaccounted FROM v_etl_jobs ORDER BY log_id") == 2 * [("3 merge", 0), ("4 load", 0)]
    assert feed.sql("SELECT reason, column_name FROM v_etl_rejects") == [("out_of_range", "temperature")]
    assert feed.sql("SELECT lateness_max_seconds > 0 FROM v_etl_quality ORDER BY log_id") == [(False,), (True,)]
    assert feed.value("SELECT error_type FROM v_etl_failures") == "none"
    (fresh,) = feed.sql("SELECT last_event_time, sensors_expected, freshness FROM v_etl_freshness")
    assert fresh == (datetime(2025, 6, 15, 9, tzinfo=UTC), 100, "STALE")
    assert feed.sql("SELECT sensor, measure, value FROM v_etl_latest ORDER BY measure") == [
        ("1", "humidity", 40.0),
        ("1", "temperature", 20.0),
    ]
    totals = "SELECT sum(total) / sum(readings) FROM v_etl_windows WHERE measure = 'temperature'"
    assert feed.value(totals) == 15.0


def test_what_superset_sends_is_carried_out_and_means_the_right_thing(feed: Feed) -> None:
    """The statements of every chart and filter, as tests/superset/test_offline.py gets them from Superset."""
    contracts = [EvolvedContract.of(contract) for contract in load_contracts(feed.settings).values()]
    connection = TSQLConnection(feed.engine)
    for contract in contracts:
        ensure_feed(connection, contract)  # type: ignore[arg-type]
    ensure_common_views(connection, contracts)  # type: ignore[arg-type]
    readings = [("09:59:59", 1.0), ("10:00:00", 2.0), ("10:04:59", 4.0), ("10:05:00", 8.0)]
    feed.load(
        [{**sensed(1, time, value), "timestamp": f"2026-01-01 {time}"} for time, value in readings]
        + [{**sensed(2, ""), "timestamp": "2026-01-02 00:00:00"}]
    )
    asked = (FOLDER / "sqlserver" / "dashboards.sql").read_text("utf-8").split("\nGO\n")
    answers = {text.partition("\n")[0]: connection.carry_out(text, []) for text in asked}
    assert len(answers) > 30
    names, rows = answers["-- charts/readings_by_sensor.yaml"]
    moments = [datetime(2026, 1, 1, 9, 55), datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, 5)]
    assert names == ["window_start", "sensor", "Mean"]
    assert sorted(rows) == [(moments[0], "1", 1.0), (moments[1], "1", 3.0), (moments[2], "1", 8.0)]
    _, rows = answers["-- charts/readings_by_hour.yaml"]
    assert sorted(rows) == [
        (datetime(2026, 1, 1, 9), "sensor_readings", 2),
        (datetime(2026, 1, 1, 10), "sensor_readings", 6),
    ]
    assert answers["-- dashboards/readings.yaml: Sensor"] == (["sensor"], [("1",), ("2",)])


def test_a_replay_loads_what_was_rejected_and_can_be_undone(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:10", 999.0), sensed(1, "09:00:20", "warm")])
    done = replay(feed.settings, feed.contract, Selection(reason="out_of_range"), changes={"temperature": "30"})
    assert (done.counts.processed, done.still_bad) == (1, ())
    assert feed.sql("SELECT reason, status FROM etl_rejected_row ORDER BY 1") == [
        ("out_of_range", "REPLAYED"),
        ("wrong_type", "QUARANTINED"),
    ]
    feed.require_windows()
    assert done.cycle_id is not None
    assert undo(feed.settings, feed.contract, done.cycle_id).rejected == 1
    assert feed.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'") == 2
    feed.require_windows()


@pytest.fixture
def rows_of_two_feeds(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Row 1 is the tanks', which were too empty; row 2 the sensors'. Commands are given from outside."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    (folder / "tanks.odcs.yaml").write_text(yaml.safe_dump(DOCUMENT), "utf-8")
    for name, value in (("ETL_HOME", tmp_path), ("ETL_DATABASE_URL", NOWHERE), ("ETL_FEEDS", folder)):
        monkeypatch.setenv(name, str(value))
    tanks = Feed(feed.engine, feed.settings, load_contract("tanks", Settings.load()))
    tanks.load([{**_READING, "level": "empty"}])
    feed.load([sensed(1, "09:00:00", 999.0)])
    assert feed.sql("SELECT rejected_id, feed FROM etl_rejected_row ORDER BY 1") == [
        (1, "tanks"),
        (2, "sensor_readings"),
    ]
    return feed


def _decided(feed: Feed) -> list[int]:
    return [row for (row,) in feed.sql("SELECT rejected_id FROM etl_rejected_row WHERE status <> 'QUARANTINED'")]


def _quarantine(*arguments: str) -> None:
    """The command line."""
    from etl.cli.quarantine import app

    app(arguments, standalone_mode=False)


@pytest.mark.parametrize(("row", "change"), [("1", "level=1.5"), ("2", "temperature=21")])
def test_the_number_of_a_row_is_enough_to_replay_it(rows_of_two_feeds: Feed, row: str, change: str) -> None:
    _quarantine("replay", row, "--set", change)
    assert _decided(rows_of_two_feeds) == [int(row)]


@pytest.mark.parametrize("command", [["replay"], ["discard", "--note", "broken"]])
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["1", "--feed", "sensor_readings"], "row 1 is of feed tanks, not sensor_readings"),
        (["1", "9"], "no rejected row 9"),
    ],
)
def test_numbers_that_contradict_are_refused(
    rows_of_two_feeds: Feed, command: list[str], rows: list[str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        _quarantine(*command, *rows)
    assert _decided(rows_of_two_feeds) == []


def test_rows_of_several_feeds_are_discarded_but_not_replayed_together(rows_of_two_feeds: Feed) -> None:
    with pytest.raises(ConfigurationError, match="of several feeds: sensor_readings, tanks"):
        _quarantine("replay", "1", "2")
    _quarantine("discard", "1", "2", "--note", "broken")
    assert sorted(_decided(rows_of_two_feeds)) == [1, 2]


def test_whole_numbers_have_an_average_with_a_fraction(feed: Feed) -> None:
    columns = tuple(
        replace(column, type="integer") if column.name == "humidity" else column for column in feed.contract.columns
    )
    feed.contract = replace(feed.contract, columns=columns)
    feed.load([{**sensed(1, "09:00:00"), "humidity": "40"}, {**sensed(1, "09:00:01"), "humidity": "41"}])
    assert feed.value("SELECT avg FROM sensor_data_5m WHERE measure = 'humidity'") == 40.5
    feed.require_windows()


STRICT = Table(
    "strict", MetaData(), Column("a", Integer), Column("b", text_of(5), nullable=False), UniqueConstraint("a")
)


def test_rows_that_the_database_refuses_are_found_by_halving(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    STRICT.create(connection)  # type: ignore[arg-type]
    stage = make_stage(connection, STRICT, ["a", "b"])  # type: ignore[arg-type]
    rows = pa.table(
        {"a": pa.array(range(100)), "b": [None if place in (3, 64) else f"t{place}" for place in range(100)]}
    )
    stage.copy(rows.slice(0, 50))
    stage.copy(rows.slice(50))
    assert stage.insert_new({}) == (98, [Refused(3, "23000"), Refused(64, "23000")])
    assert stage.read(64) == {"a": 64, "b": None}


def test_after_an_error_that_ended_the_transaction_no_row_is_looked_for(engine: TSQLEngine) -> None:
    """The driver has begun another one by then, which has none of what was done before."""
    connection = TSQLConnection(engine)
    STRICT.create(connection)  # type: ignore[arg-type]
    stage = make_stage(connection, STRICT, ["a", "b"])  # type: ignore[arg-type]
    stage.copy(pa.table({"a": [1], "b": pa.array([None], pa.string())}))
    engine.answers[TRANSACTION_ID] = 2
    with pytest.raises(SQLAlchemyIntegrityError):
        stage.insert_new({})


def test_values_come_back_as_they_were(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    columns: list[Column[Any]] = [
        Column("t", MOMENT),
        Column("d", DOUBLE),
        Column("s", text_of(None)),
        Column("i", Integer),
    ]
    table = Table("v", MetaData(), *columns, UniqueConstraint("i"))
    table.create(connection)  # type: ignore[arg-type]
    moment = datetime(2025, 6, 15, 23, 59, 59, 999_999, tzinfo=UTC)
    values = {"t": [moment, None], "d": [0.1 + 0.2, None], "s": ["a,\"'\n\u20ac😀 ", None], "i": [1, 2]}
    stage = make_stage(connection, table, list(values))  # type: ignore[arg-type]
    stage.copy(pa.table({**values, "t": pa.array(values["t"], pa.timestamp("us", "UTC"))}))
    stage.insert_new({})
    found = connection.execute(select(table).order_by(table.c.i)).all()
    assert [tuple(row) for row in found] == list(zip(*values.values(), strict=True))
    connection.execute(insert(table).values(t=moment.astimezone(), i=3))
    assert connection.scalar(select(table.c.i).where(table.c.t == moment, table.c.i == 3)) == 3


def test_rows_are_sent_in_batches_of_bounded_length(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    table = Table("long", MetaData(), Column("a", Integer), Column("b", text_of(None)), UniqueConstraint("a"))
    stage = make_stage(connection, table, ["a", "b"])  # type: ignore[arg-type]
    rows = pa.table({"a": [1, 2, 3, 4], "b": ["x", "y" * (BATCH_BYTES // 2), "€", None]})
    assert [part.num_rows for part in batches(rows)] == [1, 1, 1, 1]
    stage.copy(rows)
    assert connection.sql("SELECT length(b) FROM temporary_stage_long ORDER BY a") == [
        (1,),
        (BATCH_BYTES // 2,),
        (1,),
        (None,),
    ]


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([1, 10, 60, 300, 420, 3600, 86_400, 604_800, 0.5, 3600.5]),
)
def test_a_window_begins_at_a_multiple_of_its_length_since_1970(moment: datetime, seconds: float) -> None:
    start = _asked(window_start(literal(moment, MOMENT), literal_column(f"{seconds:g}")))
    elapsed = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    length = round(seconds * 1e6)
    assert (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == elapsed // length * length


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([1, -3600, 86_400, 0.25, -1800.5, 604_800]),
)
def test_seconds_are_added(moment: datetime, seconds: float) -> None:
    assert _asked(add_seconds(literal(moment, MOMENT), literal_column(f"{seconds:g}"))) == moment + timedelta(
        seconds=seconds
    )


def _asked(expression: Any) -> datetime:
    found: datetime = TSQLConnection(_CALCULATOR).scalar(select(expression))
    return found


_CALCULATOR = TSQLEngine()


# --- how they read ---------------------------------------------------------------------------------------------------


def _as_script(statements: list[str]) -> str:
    return "".join(f"{statement}\nGO\n\n" for statement in statements).rstrip("\n") + "\n"


def _golden(feed: Feed, name: str) -> None:
    require_golden(f"sqlserver/{name}.sql", _as_script(feed.engine.recorded()))
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
    status.history(feed.settings, feed="sensor_readings", failed=True)
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
    replaced = feed.load([sensed(1, "08:00:00", 31.0)])
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
    require_golden("sqlserver/session.sql", _as_script([BEGIN, TAKE_LOCK, TRANSACTION_ID, ABOUT, SNAPSHOT, RIGHTS]))


class Answers:
    """A connection that knows two answers."""

    def __init__(self, about: tuple[Any, ...], granted: int | None) -> None:
        self.about = about
        self.granted = granted

    def exec_driver_sql(self, statement: str) -> Any:
        if statement == ABOUT:
            return _Rows([self.about])
        names = re.findall(r"\('(\w+)', '(\w+)'\)", statement)
        return _Rows([(*name, 1 if name != ("etl_log", "UPDATE") else self.granted) for name in names])


class _Rows(list[Any]):
    def one(self) -> Any:
        (found,) = self
        return found


@pytest.mark.parametrize(
    ("about", "granted", "told"),
    [
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), 1, []),
        (("12.0.2000.8", 5, 160, True, 0, "dbo"), 1, []),
        (("12.0.6433.1", 3, 120, True, 0, "dbo"), 1, ["SQL Server 12.0.6433.1 is too old", "compatibility level 120"]),
        (("16.0.4135.4", 3, 160, False, 0, "dbo"), 1, ["READ_COMMITTED_SNAPSHOT is off"]),
        (("16.0.4135.4", 3, 160, None, 0, None), 1, []),
        (("16.0.4135.4", 3, 160, True, 0, "sales"), 1, ["default schema is sales"]),
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), 0, ["lacks the right to UPDATE on etl_log"]),
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), None, ["audit tables are not there"]),
        (("16.0.4135.4", 3, 160, True, 1, "dbo"), None, []),
    ],
)
def test_the_doctor_says_what_a_database_lacks(about: tuple[Any, ...], granted: int | None, told: list[str]) -> None:
    found = findings(Answers(about, granted))  # type: ignore[arg-type]
    assert len(found) == len(told)
    for (what, remedy), expected in zip(found, told, strict=True):
        assert expected in what
        assert remedy


@pytest.mark.parametrize("name", ["postgresql", "sqlserver"])
def test_the_scripts_for_administrators_are_those_of_today(name: str, settings: Settings) -> None:
    from etl.database import product_named

    committed = (PROJECT_ROOT / "sql" / "ddl" / f"{name}.sql").read_text("utf-8")
    assert script(product_named(name), load_contracts(settings).values()) == committed, "make them again: make ddl"


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


def test_each_view_is_there_for_both_products() -> None:
    views = PROJECT_ROOT / "sql" / "views"
    names = [{file.name for file in (views / product).glob("*.sql")} for product in ("postgresql", "sqlserver")]
    assert names[0] == names[1]


@pytest.mark.parametrize("name", ["device_events", "raw_iot", "room_temperatures", "environment_telemetry"])
def test_the_tables_and_views_of_every_packaged_feed_can_be_made(
    name: str, engine: TSQLEngine, settings: Settings
) -> None:
    connection = TSQLConnection(engine)
    contract = EvolvedContract.of(load_contract(name, settings))
    ensure_feed(connection, contract)  # type: ignore[arg-type]
    made = set(engine.views) | {view for (view,) in connection.sql("SELECT view_name FROM duckdb_views()")}
    assert {f"v_{contract.table}", f"v_{contract.table}_latest"} <= made
    engine.forget()
    ensure_feed(connection, contract)  # type: ignore[arg-type]
    assert all(statement.startswith("SELECT") for statement in engine.statements), engine.statements
    assert offline_dialect().name == "mssql"


# --- contracts that are edited ---------------------------------------------------------------------------------------


class Recorder(TSQLConnection):
    """Asks the database, and changes nothing in it: DuckDB alters no column of which there is an index."""

    def carry_out(self, tsql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        if "sys.sql_expression_dependencies" in tsql:
            assert parse(tsql)
            upon = [
                ("v_tanks", "tanks"),
                ("v_tanks_latest", "tanks_1h"),
                ("v_etl_windows", "tanks_5m"),
                ("mine", "v_tanks"),
            ]
            return ["name", "relation", "definition"], [(name, relation, _DEFINITION) for name, relation in upon]
        if tsql.startswith("SELECT") and "INTO [#" not in tsql:
            return super().carry_out(tsql, parameters)
        assert tsql.startswith("EXEC sp_refreshview ") or parse(tsql), tsql
        return [], []


_READING: dict[str, str | None] = {
    "device": "d",
    "time": "2024-05-01 00:00:00",
    "site": "s",
    "level": "1",
    "pulses": "1",
    "rssi": "1",
}
_DEFINITION = "CREATE VIEW any AS\nSELECT CAST('other' AS NVARCHAR(64)) AS feed"
_EDITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "a required column added": lambda d, c: d["schema"][0]["properties"].append(
        column("volt", "number", required=True)
    ),
    "a required column made optional": lambda d, c: c["rssi"].pop("required"),
    "a required column removed": lambda d, c: d["schema"][0]["properties"].remove(c["rssi"]),
    "i16 to number": lambda d, c: c["pulses"].update(logicalType="number", logicalTypeOptions={}),
    "i32 to i64": lambda d, c: c["rssi"].update(logicalTypeOptions={}),
    "a longer text": lambda d, c: c["note"].update(logicalTypeOptions={"maxLength": 40}),
    "a longer text of the key": lambda d, c: c["device"].update(logicalTypeOptions={"maxLength": 40}),
    "another sensor": lambda d, c: d["customProperties"].append({"property": "sensor", "value": "site"}),
    "other windows": lambda d, c: d["customProperties"][1]["value"].update(
        sizes=["5m", "1d"], measures=["level", "rssi"]
    ),
}


def test_the_statements_of_edited_contracts_are_as_committed(
    engine: TSQLEngine, home: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "tanks.odcs.yaml"
    contract = replace(parse_contract(yaml.safe_dump(DOCUMENT), file), landing=None, topic="tanks")
    Feed(engine, home, contract).load([_READING])
    tables, views, script_ = engine.tables, engine.views, []
    for edit, change in _EDITS.items():
        edited = copy.deepcopy(DOCUMENT)
        change(edited, {item["name"]: item for item in edited["schema"][0]["properties"]})
        engine.forget()
        engine.tables, engine.views = dict(tables), dict(views)
        contract = replace(parse_contract(yaml.safe_dump(edited), file), landing=None, topic="tanks")
        ensure_feed(Recorder(engine), EvolvedContract.of(contract))  # type: ignore[arg-type]
        # Views are the same in other files.
        changes = [text for text in engine.recorded() if not text.startswith(("SELECT", "CREATE VIEW"))]
        script_ += [f"-- {edit}\n{changes[0]}", *changes[1:]]
    require_golden("sqlserver/edits.sql", _as_script(script_))


def test_what_is_refused_on_sql_server_is_reported_with_the_statements(
    engine: TSQLEngine, home: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "tanks.odcs.yaml"
    contract = replace(parse_contract(yaml.safe_dump(DOCUMENT), file), landing=None, topic="tanks")
    Feed(engine, home, contract).load([_READING])
    connection = TSQLConnection(engine)
    other_key = replace(contract, primary_key=("device", "time", "pulses"))
    narrower = replace(contract, columns=tuple(replace(c, bits=16, type="integer") for c in contract.columns[3:4]))
    narrower = replace(contract, columns=(*contract.columns[:3], *narrower.columns, *contract.columns[4:]))
    for wrong, said in (
        (other_key, "ALTER TABLE tanks ADD CONSTRAINT uq_tanks UNIQUE (device, time, pulses);"),
        (narrower, "column 'level' of table 'tanks' is FLOAT(53); the contract says SMALLINT."),
    ):
        with pytest.raises(ContractError) as raised:
            require_possible(connection, EvolvedContract.of(wrong))  # type: ignore[arg-type]
        assert said in str(raised.value)
