"""The views of the dashboards: right numbers for a few rows written by hand, and the columns that the datasets name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import event

from etl.database import make_engine, transaction
from etl.database.schema.views import COMMON_VIEWS
from etl.jobs.load.tables import ensure_feeds
from etl.services.superset import assets
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


def now() -> datetime:
    return datetime.now(UTC)


def ago(**parts: float) -> datetime:
    return now() - timedelta(**parts)


def seconds(age: float) -> Any:
    """About so old, on a machine that may be slow."""
    return pytest.approx(age, abs=60)


class Log:
    """Writes rows as the jobs do."""

    def __init__(self, project: Project, connection: psycopg.Connection[Any]) -> None:
        self.project, self.connection, self.moment = project, connection, now()

    def insert(self, table: str, **values: Any) -> Any:
        names, places = ", ".join(values), ", ".join(["%s"] * len(values))
        found = self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *", [*values.values()]
        )
        row = found.fetchone()
        return row[0] if row else None

    def job(
        self, cycle: str, name: str, minutes: float, *, feed: str = "a", status: str = "SUCCESS", **values: Any
    ) -> Any:
        names = ("read", "processed", "rejected", "duplicate", "conflicting")
        counts = dict(zip(names, values.pop("counts", ()), strict=False))
        start = self.moment - timedelta(minutes=minutes)
        ended = {} if status == "RUNNING" else {"end_time": start + timedelta(seconds=30), "duration_seconds": 30.0}
        return self.insert(
            "etl_log",
            cycle_id=cycle,
            feed=feed,
            job_name=name,
            status=status,
            start_time=start,
            **ended,
            **{f"records_{kind}": value for kind, value in counts.items()},
            **values,
        )

    def cycle(self, cycle: str, minutes: float, feed: str = "a") -> Any:
        """A whole cycle of 10 messages: 8 loaded, 1 rejected, 1 duplicate; returns the load's number."""
        self.job(cycle, "produce", minutes, feed=feed, counts=(10, 10, 0, 0))
        self.job(cycle, "consume", minutes - 1, feed=feed, counts=(10, 10, 0, 0))
        self.job(cycle, "merge", minutes - 2, feed=feed, counts=(10, 10, 0, 0))
        return self.job(cycle, "load", minutes - 3, feed=feed, counts=(10, 8, 1, 1))

    def see(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()


@pytest.fixture
def log(project: Project) -> Iterator[Log]:
    project.etl("init")
    with project.stack.connect(project.database, autocommit=True) as connection:
        yield Log(project, connection)


def test_a_job_shows_its_step_duration_and_balance(log: Log) -> None:
    log.cycle("c1", 60)
    log.job("c2", "consume", 10, status="RUNNING")
    log.job("c2", "load", 5, counts=(10, 8, 1, 0))
    shown = log.see("SELECT step, status, success, duration_seconds, unaccounted FROM v_etl_jobs ORDER BY log_id")
    assert [(row[0], row[1], row[2]) for row in shown[:4]] == [
        ("1 produce", "SUCCESS", 1),
        ("2 consume", "SUCCESS", 1),
        ("3 merge", "SUCCESS", 1),
        ("4 load", "SUCCESS", 1),
    ]
    running, unbalanced = shown[4:]
    assert running[2] is None
    assert running[3] == seconds(600)
    assert unbalanced == ("4 load", "SUCCESS", 1, 30.0, 1)


def test_a_cycle_is_its_jobs_together(log: Log) -> None:
    log.cycle("good", 60)
    log.job("bad", "produce", 30, counts=(10, 10, 0, 0))
    log.job("bad", "consume", 29, status="FAILED")
    log.job("now", "produce", 5)
    log.job("now", "consume", 4, status="RUNNING", heartbeat_at=ago(seconds=20))
    shown = log.see(
        "SELECT cycle_id, status, duration_seconds, records_loaded, age_seconds FROM v_etl_cycles ORDER BY start_time"
    )
    assert [row[:2] for row in shown] == [("good", "SUCCESS"), ("bad", "FAILED"), ("now", "RUNNING")]
    assert [row[2] for row in shown[:2]] == [210, 90]
    assert [row[3] for row in shown] == [8, 0, 0]
    assert shown[2][4] == seconds(20)
    assert shown[1][4] == seconds(29 * 60 - 30)


def test_the_same_cycle_name_in_two_feeds_is_two_cycles(log: Log) -> None:
    log.cycle("c1", 60, feed="a")
    log.cycle("c1", 50, feed="b")
    assert log.see("SELECT feed, records_loaded FROM v_etl_cycles ORDER BY feed") == [("a", 8), ("b", 8)]


def test_failures_say_that_there_are_none_until_there_is_one(log: Log) -> None:
    assert log.see("SELECT * FROM v_etl_failures") == []
    log.cycle("c1", 60)
    assert log.see("SELECT step, error_message FROM v_etl_failures") == [
        ("4 load", "No job has failed so far. This is the newest one.")
    ]
    log.job("c2", "merge", 5, status="FAILED", error_type="IntegrityError", error_message="changed", notebook="n.ipynb")
    log.job("c3", "load", 4, status="FAILED")
    assert log.see(
        "SELECT cycle_id, step, error_type, error_message, notebook FROM v_etl_failures ORDER BY log_id"
    ) == [
        ("c2", "3 merge", "IntegrityError", "changed", "n.ipynb"),
        ("c3", "4 load", "unknown", "No message was left.", "run by hand"),
    ]


def test_where_the_api_has_an_address_failures_and_cycles_lead_to_a_notebooks_page(log: Log) -> None:
    path = "output/runs/{}/{}.ipynb"
    for name, number in (("consume", 2), ("load", 4)):
        log.job("good", name, 60 - number, notebook=path.format("good", f"{number}_{name}"))
    cause = "<a href='x'>column</a> is < 3"
    log.job("bad", "merge", 5, status="FAILED", error_message=cause, notebook=path.format("bad", "3_merge"))
    log.job("hand", "load", 4)
    of_cycles = "SELECT cycle_id, jobs, cycle_notebook FROM v_etl_cycles ORDER BY start_time"
    of_failures = "SELECT notebook, failed_notebook, error_message FROM v_etl_failures"
    good, bad = path.format("good", "4_load"), path.format("bad", "3_merge")
    files = [("good", 2, good), ("bad", 1, bad), ("hand", 1, "run by hand")]
    assert log.see(of_cycles) == files

    log.project.etl("init", ETL_API_URL="https://etl.example.org:8000/")
    page = '<a href="https://etl.example.org:8000/cycles/{}/notebooks/{}#failed" target="_blank">{}</a>'
    pages = [("good", 2, page.format("good", "load", good)), ("bad", 1, page.format("bad", "merge", bad)), files[2]]
    assert log.see(of_cycles) == pages
    # What is shown as HTML for the link must not make HTML of a message.
    assert log.see(of_failures) == [(bad, page.format("bad", "merge", bad), cause.replace("<", "< "))]

    log.project.etl("init")
    assert log.see(of_cycles) == files


def test_conflicting_rows_are_part_of_the_balance(log: Log) -> None:
    log.job("c1", "load", 5, counts=(10, 6, 1, 1, 2))
    assert log.see("SELECT records_conflicting, unaccounted FROM v_etl_jobs") == [(2, 0)]
    assert log.see("SELECT records_loaded, records_conflicting FROM v_etl_cycles") == [(6, 2)]


def test_what_is_set_aside_is_shown_and_feeds_without_any_say_so(log: Log) -> None:
    for feed in ("a", "b"):
        log.insert("etl_feed", feed=feed, table_name=feed, source="topic")
    columns = "feed, kind, name, cause, is_set_aside"
    good = ("none", "none", "Nothing is set aside.", 0)
    assert log.see(f"SELECT {columns} FROM v_etl_set_aside ORDER BY feed") == [("a", *good), ("b", *good)]
    failed = {"attempts": 2, "cause": "gone", "first_failed_at": now(), "last_failed_at": now(), "log_id": 1}
    for name, status in (("x.csv", "SET_ASIDE"), ("y.csv", "FAILING"), ("z.csv", "RESOLVED")):
        log.insert("etl_set_aside", feed="a", kind="archive", name=name, status=status, set_aside_at=now(), **failed)
    assert log.see(f"SELECT {columns} FROM v_etl_set_aside ORDER BY feed") == [
        ("a", "archive", "x.csv", "gone", 1),
        ("b", *good),
    ]


def test_open_incidents_and_those_of_a_month_are_shown_and_feeds_without_any_say_so(log: Log) -> None:
    for feed in ("a", "b"):
        log.insert("etl_feed", feed=feed, table_name=feed, source="topic")
    incident = {"feed": "a", "severity": "warning", "cause": "old", "last_seen_at": now()}
    long_open = log.insert("etl_incident", kind="stale", opened_at=ago(days=40), **incident)
    ended = {"opened_at": ago(days=3), "resolved_at": ago(days=3, hours=-6)}
    log.insert("etl_incident", kind="backlog", **ended, **incident)
    log.insert("etl_incident", kind="low_quality", opened_at=ago(days=40), resolved_at=ago(days=39), **incident)
    times = {"created_at": now(), "next_attempt_at": now()}
    for receiver, what, sent in (("x", "opened", now()), ("y", "opened", None), ("x", "resolved", now())):
        told = {"receiver": receiver, "event": what, "sent_at": sent, "status": "SENT" if sent else "WAITING"}
        log.insert("etl_alert", incident_id=long_open, **told, **times)
    columns = "feed, kind, state, is_open, CAST(round(hours_open) AS int), told"
    assert log.see(f"SELECT {columns} FROM v_etl_incidents ORDER BY feed, opened_at") == [
        ("a", "stale", "OPEN", 1, 960, "1 of 2 receivers"),
        ("a", "backlog", "RESOLVED", 0, 6, "no receiver"),
        ("b", "none", "NONE", 0, None, "nobody"),
    ]
    assert log.see("SELECT feed, SUM(is_open) FROM v_etl_incidents GROUP BY feed ORDER BY feed") == [("a", 1), ("b", 0)]


def test_the_backlog_is_what_the_next_jobs_will_find(log: Log) -> None:
    log.cycle("c1", 60, feed="done")
    log.cycle("c1", 60, feed="stuck")
    log.job("c2", "consume", 30, feed="stuck", counts=(7, 6, 1, 0))
    log.job("c2", "merge", 29, feed="stuck", counts=(6, 6, 0, 0))
    log.job("c2", "load", 28, feed="stuck", status="FAILED")
    log.job("c3", "consume", 20, feed="stuck", counts=(5, 5, 0, 0))
    log.job("c4", "consume", 10, feed="stuck", status="RUNNING")
    columns = "feed, status, waiting_for_merge, waiting_for_load, running_jobs, cycle_id"
    assert log.see(f"SELECT {columns} FROM v_etl_backlog ORDER BY feed") == [
        ("done", "SUCCESS", 0, 0, 0, "c1"),
        ("stuck", "RUNNING", 5, 6, 1, "c4"),
    ]


def test_archives_whose_load_was_undone_wait_again(log: Log) -> None:
    load = log.cycle("c1", 60)
    file = {
        "file_name": "x.csv",
        "bytes": 1,
        "rows": 10,
        "offset_ranges": Jsonb({}),
        "archived_at": now(),
        "loaded_at": now(),
    }
    log.insert("etl_file", feed="a", sha256="0" * 64, source_id=1, log_id=load, undone_at=now(), **file)
    log.insert("etl_file", feed="a", sha256="1" * 64, source_id=1, log_id=load, undone_at=now(), kind="landing", **file)
    assert log.see("SELECT waiting_for_load FROM v_etl_backlog") == [(10,)]


def test_freshness_compares_the_newest_reading_with_the_service_level(log: Log) -> None:
    for feed, minutes, sla in (("fresh", 5, 600.0), ("stale", 15, 600.0), ("free", 5, None), ("silent", None, 600.0)):
        newest = None if minutes is None else ago(minutes=minutes)
        load = log.job("c", "load", 1, feed=feed, last_event_time=newest)
        log.job("d", "load", 1, feed=feed, last_event_time=now(), undone_at=now())
        log.insert(
            "etl_feed", feed=feed, table_name=feed, source="topic", freshness_seconds=sla, sensors=100 if sla else None
        )
        score = dict.fromkeys(("score", "completeness", "validity", "uniqueness", "timeliness"), 100.0)
        log.insert("etl_quality_score", log_id=load, feed=feed, sensors_seen=97 if sla else None, **score)
    assert log.see("SELECT feed, freshness, sensors_missing FROM v_etl_freshness ORDER BY feed") == [
        ("free", "NO SLA", 0),
        ("fresh", "FRESH", 3),
        ("silent", "NO READINGS", 3),
        ("stale", "STALE", 3),
    ]
    ages = dict(log.see("SELECT feed, age_seconds FROM v_etl_freshness WHERE age_seconds IS NOT NULL"))
    assert ages == {
        "fresh": seconds(300),
        "stale": seconds(900),
        "free": seconds(300),
    }


def test_rejected_rows_show_where_and_why_but_no_value(log: Log) -> None:
    load = log.cycle("c1", 60)
    source = log.insert("etl_source", feed="a", name="topic", identity="id", first_seen=now())
    problems = Jsonb([{"column": "humidity", "rule": "out_of_range", "value": "140.0"}])
    place = {"source_id": source, "source_partition": 2, "source_offset": 7, "source_item": 0}
    row = {"raw": "{secret}", "raw_rebuilt": False, "reason": "out_of_range", "problems": problems}
    log.insert("etl_rejected_row", log_id=load, feed="a", **place, **row)
    shown = log.see("SELECT * FROM v_etl_rejects")
    assert log.see("SELECT reason, column_name, quarantine_status, source_name, source_offset FROM v_etl_rejects") == [
        ("out_of_range", "humidity", "QUARANTINED", "topic", 7)
    ]
    assert "140.0" not in str(shown)
    assert "secret" not in str(shown)


def test_all_feeds_are_together_in_windows_and_latest_values(project: Project) -> None:
    project.cycle(200, bad_share=0)
    landing = project.home / "landing" / "room_temperatures"
    landing.mkdir(parents=True)
    (landing / "a.csv").write_text(
        "id,room_id/id,noted_date,temp,out/in\n1,Lab,20-06-2026 10:01,20,In\n2,Lab,20-06-2026 10:02,30,In\n"
        "3,Lab,20-06-2026 10:03,5,Out\n"
    )
    project.cycle(contract=project.feed("room_temperatures"))
    project.etl("init")
    rooms = (
        "SELECT sensor, measure, readings, total, lowest, highest FROM v_etl_windows WHERE feed = 'room_temperatures'"
    )
    assert project.sql(f"{rooms} ORDER BY sensor") == [
        ("Lab/In", "temp", 2, 50.0, 20.0, 30.0),
        ("Lab/Out", "temp", 1, 5.0, 5.0, 5.0),
    ]
    latest = "SELECT sensor, value FROM v_etl_latest WHERE feed = 'room_temperatures' ORDER BY sensor"
    assert project.sql(latest) == [("Lab/In", 30.0), ("Lab/Out", 5.0)]
    # With another type a view that is there could not be replaced.
    lengths = "SELECT character_maximum_length FROM information_schema.columns WHERE table_name = 'v_etl_latest'"
    assert sorted(project.sql(f"{lengths} AND data_type = 'character varying'")) == [(64,), (64,), (200,)]
    of_both = project.sql("SELECT feed, measure, sum(readings) FROM v_etl_windows GROUP BY feed, measure ORDER BY 1, 2")
    assert of_both == [
        ("room_temperatures", "temp", 3),
        ("sensor_readings", "humidity", 200),
        ("sensor_readings", "temperature", 200),
    ]
    places = "SELECT room, place, readings, total FROM v_room_temperature_windows ORDER BY place"
    assert project.sql(places) == [("Lab", "In", 2, 50.0), ("Lab", "Out", 1, 5.0)]


def test_every_value_of_a_reading_has_its_score_its_cycle_and_its_source(project: Project) -> None:
    project.cycle(20, bad_share=0)
    project.etl("init")
    assert project.sql("SELECT measure, count(*) FROM v_etl_readings GROUP BY measure ORDER BY measure") == [
        ("humidity", 20),
        ("temperature", 20),
    ]
    place = "source_partition, source_offset"
    of_table = f"SELECT CAST(sensor_id AS text), timestamp, temperature, {place} FROM sensor_data ORDER BY {place}"
    of_view = f"SELECT sensor, event_time, value, {place} FROM v_etl_readings WHERE measure = 'temperature'"
    assert project.sql(f"{of_view} ORDER BY {place}") == project.sql(of_table)
    sensor, moment, value, *of_reading = project.sql(of_table)[7]
    load = project.value("SELECT max(log_id) FROM etl_log WHERE job_name = 'load'")
    with project.stack.connect(project.database, autocommit=True) as connection:
        for score in (4.0, 7.0):
            connection.execute(
                "INSERT INTO etl_anomaly (log_id, feed, sensor, measure, event_time, score, kind)"
                " VALUES (%s, 'sensor_readings', %s, 'temperature', %s, %s, 'outlier')",
                (load, sensor, moment, score),
            )
    cycle = project.value("SELECT max(cycle_id) FROM etl_log WHERE job_name = 'load'")
    columns = f"sensor, measure, value, score, cycle_id, source_name, {place}"
    assert project.sql(f"SELECT {columns} FROM v_etl_readings WHERE score >= 5") == [
        (sensor, "temperature", value, 7.0, cycle, project.topic, *of_reading)
    ]


def test_scores_cycles_and_sources_are_looked_up_for_the_newest_rows_only(project: Project) -> None:
    """Not for all rows of the time range before the newest are found: that would take seconds."""
    project.etl("init")
    query = "SELECT sensor, score, cycle_id, source_name FROM v_etl_readings ORDER BY event_time DESC LIMIT 1000"
    plan = [line.replace("->", "").strip() for (line,) in project.sql(f"EXPLAIN (COSTS OFF) {query}")]
    assert plan[:3] == ["Limit", "Result", "Sort"], plan


def test_rows_of_a_sensor_and_of_some_minutes_are_found_along_an_index(project: Project) -> None:
    project.etl("init")
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_id, source_partition,"
            " source_offset, source_item, log_id) SELECT n % 1000, 20, 50, now() - make_interval(secs => (200000 - n) / 10.0),"
            " 1, 0, n, 0, 1 FROM generate_series(1, 200000) AS n"
        )
        connection.execute(
            "INSERT INTO sensor_data_1d (sensor_id, measure, window_start, count, min, max, avg)"
            " SELECT n, 'temperature', date_trunc('day', now()), 200, 20, 20, 20 FROM generate_series(0, 999) AS n"
        )
        connection.execute("VACUUM ANALYZE sensor_data, sensor_data_1d")
    query = "EXPLAIN SELECT * FROM v_etl_readings WHERE {} ORDER BY event_time DESC LIMIT 1000"
    of_minutes, of_sensor = (
        "\n".join(line for (line,) in project.sql(query.format(condition)))
        for condition in (
            "event_time > now() - interval '5 minutes'",
            "event_time > now() - interval '1 hour' AND feed = 'sensor_readings' AND sensor = '7'",
        )
    )
    assert "Bitmap Index Scan on ix_sensor_data_time" in of_minutes
    assert re.search(r"Index Cond: \(+sensor_id = ", of_sensor), of_sensor
    assert "environment_telemetry" not in of_sensor, "feeds that are not asked for"


def test_the_views_of_all_feeds_are_recreated_only_when_they_show_other_feeds(project: Project) -> None:
    feeds = [project.contract, project.feed("environment_telemetry")]
    made: list[str] = []
    engine = make_engine(project.settings)
    event.listen(engine, "before_cursor_execute", lambda *call: made.append(call[2]))
    shows_both = "SELECT count(*) FROM pg_views WHERE viewname = 'v_etl_windows' AND definition LIKE '%telemetry%'"

    def ensure(number: int) -> int:
        made.clear()
        with transaction(engine) as connection:
            ensure_feeds(connection, feeds[:number])
        return sum(f"VIEW {name}" in statement for statement in made for name in COMMON_VIEWS)

    try:
        assert [ensure(number) for number in (1, 1, 2, 2, 1)] == [4, 0, 4, 0, 4]
        assert project.value(shows_both) == 0
    finally:
        engine.dispose()


def test_late_rows_are_shown_with_how_late_they_were(project: Project) -> None:
    project.cycle(100, bad_share=0)
    project.send([b'{"sensor_id": 1, "temperature": 20.0, "humidity": 50.0, "timestamp": "2026-01-01T00:00:00"}'])
    project.cycle()
    shown = project.sql(
        "SELECT records_late, lateness_mean_seconds, lateness_max_seconds FROM v_etl_quality ORDER BY log_id"
    )
    assert shown[0] == (0, 0.0, 0.0)
    assert shown[1][0] == 1
    assert shown[1][1] == shown[1][2] > 86_400


def test_views_that_are_there_stay_and_their_rights_too(log: Log) -> None:
    log.connection.execute("GRANT SELECT ON v_etl_windows TO PUBLIC")
    log.project.etl("init")
    assert log.see("SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC'") != [(0,)]


def test_the_datasets_have_the_columns_of_their_views(log: Log) -> None:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in log.see(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    ):
        found.setdefault(table, {})[column] = kind
    for dataset in assets.read(assets.FOLDER).documents("datasets").values():
        told = {column["column_name"]: column["is_dttm"] for column in dataset["columns"]}
        real = {name: kind.startswith("timestamp") for name, kind in found[dataset["table_name"]].items()}
        assert told == real, dataset["table_name"]
        for metric in dataset["metrics"]:
            log.see(f"SELECT {metric['expression']} FROM {dataset['table_name']}")
