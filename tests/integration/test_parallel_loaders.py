"""Several loaders side by side: whatever they do and whichever of them dies, the result is that of one."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from etl.audit import states
from etl.audit.job import job_run
from etl.contract.reader import Contract
from etl.database import make_engine, transaction, try_lock_feed
from etl.errors import AlreadyRunning
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.undo import undo
from tests.support.batches import write_batch
from tests.support.cluster import wait_until
from tests.support.jobs import Job
from tests.support.stack import Project
from tests.support.windows import SIZES, rounded

FEED, OTHER = "sensor_readings", "raw_iot"
ARCHIVES = 12
READINGS = 20
"""Of each sensor in each archive."""
BEGIN = datetime(2025, 6, 15, 9, tzinfo=UTC)

TOLD = (
    "SELECT sensor_id, temperature, humidity, timestamp, source_offset, lateness_seconds FROM sensor_data ORDER BY 1, 4",
    "SELECT sensor, measure, event_time, value, expected_low, expected_high, score, kind FROM etl_anomaly ORDER BY 3, 1, 2, 8",
    "SELECT source_offset, reason, raw FROM etl_rejected_row ORDER BY 1",
    "SELECT rule, sum(checked), sum(failed) FROM etl_quality GROUP BY rule ORDER BY rule",
)
"""Everything that must not depend on who loaded it."""


def write_archives(project: Project, contract: Contract) -> None:
    """Archives in which it matters who comes first: each repeats keys of the one before with other values; late and bad rows."""
    for number in range(ARCHIVES):
        first = number * READINGS
        readings = [
            reading(sensor, at, 20.0 + at % 7 / 10) for at in range(first, first + READINGS) for sensor in (1, 2, 3)
        ]
        readings += [reading(1, at, 40.0 + number) for at in range(max(0, first - 5), first)]
        readings += [reading(2, first - 120.5, 20.0), reading(3, first + 0.5, 59.0 if number == 9 else 99.0)]
        write_batch(project.settings, contract, contract.source.name, "topic", readings, start=1000 * number)
        merge(project.settings, contract)


def reading(sensor: int, minutes: float, temperature: float) -> dict[str, str]:
    time = BEGIN + timedelta(minutes=minutes)
    return {
        "sensor_id": str(sensor),
        "temperature": f"{temperature:.1f}",
        "humidity": f"{50 + minutes % 3}",
        "energy": "1.5",
        "timestamp": time.isoformat(),
    }


@contextlib.contextmanager
def held(project: Project, feed: str) -> Iterator[None]:
    """Somebody's turn at a feed."""
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        assert try_lock_feed(connection, feed)
        yield
    engine.dispose()


@contextlib.contextmanager
def loaders(project: Project, *feeds: str) -> Iterator[list[Job]]:
    """A loader per feed that is named; all have begun when the block begins. Those that are left are ended with it."""
    before = len(begun(project))
    started = [Job(project.env, "load", feed=feed) for feed in feeds]
    try:
        wait_until(lambda: len(begun(project)) == before + len(feeds), "the loaders' rows")
        yield started
    finally:
        for one in started:
            one.kill()


def begun(project: Project) -> list[tuple[Any, ...]]:
    return project.sql("SELECT log_id FROM etl_log WHERE job_name = 'load'")


def running(project: Project) -> int:
    return int(project.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'"))


def require_success(*jobs: Job) -> None:
    for job in jobs:
        outputs = job.outputs()
        assert job.returncode == 0, outputs


def require_each_once(project: Project, feed: str, table: str) -> None:
    """Seen from outside: each archive is loaded by exactly one job that succeeded, and every row is accounted for."""
    assert running(project) == 0
    entries = "FROM etl_file AS f JOIN etl_log AS l ON l.log_id = f.log_id"
    mine = f"f.feed = '{feed}' AND f.undone_at IS NULL"
    loaded = project.sql(
        f"SELECT f.file_name, count(*) {entries} WHERE {mine} AND l.status = 'SUCCESS' GROUP BY f.file_name"
    )
    archives = {path.name for path in (project.settings.backup / feed).glob("*.csv")}
    assert len(archives) == ARCHIVES
    assert dict(loaded) == dict.fromkeys(archives, 1)
    rows = project.value(f"SELECT sum(f.rows) {entries} WHERE {mine}")
    accounted_for = "records_processed + records_rejected + records_duplicate + records_conflicting"
    numbers = f"sum(records_read), sum(records_processed), sum({accounted_for})"
    read, processed, accounted = project.sql(
        f"SELECT {numbers} FROM etl_log WHERE feed = '{feed}' AND job_name = 'load' AND undone_at IS NULL"
    )[0]
    assert read == accounted == rows
    assert processed == project.value(f"SELECT count(*) FROM {table}")


def told(project: Project) -> list[Sequence[Any]]:
    windows = [
        f"SELECT sensor_id, measure, window_start, count, min, max, avg, stddev FROM sensor_data_{size}"
        for size in SIZES
    ]
    return [*(project.sql(query) for query in TOLD), *(rounded(project.sql(query)) for query in windows)]


def test_four_loaders_on_one_feed_leave_what_one_leaves(project: Project) -> None:
    write_archives(project, project.contract)
    alone = load(project.settings, project.contract)
    expected = told(project)
    assert all(expected), "there is something of everything"
    undo(project.settings, project.contract, alone.cycle_id)
    with contextlib.ExitStack() as ended:
        with held(project, FEED):
            four = ended.enter_context(loaders(project, *[FEED] * 4))
        require_success(*four)
    assert told(project) == expected
    require_each_once(project, FEED, "sensor_data")
    assert project.value("SELECT count(*) FROM etl_log WHERE error_type IS NOT NULL") == 0, (
        "nobody took another for dead"
    )


def test_feeds_do_not_wait_for_each_other(project: Project) -> None:
    other = project.feed(OTHER)
    for contract in (project.contract, other):
        write_archives(project, contract)
    with contextlib.ExitStack() as ended:
        with held(project, FEED):
            waiting = ended.enter_context(loaders(project, FEED, FEED))
            require_success(*ended.enter_context(loaders(project, OTHER, OTHER)))
            assert [one.returncode for one in waiting] == [None, None]
            assert project.value("SELECT count(*) FROM etl_file") == ARCHIVES
        require_success(*waiting)
    require_each_once(project, FEED, "sensor_data")
    require_each_once(project, OTHER, "iot_readings")


@pytest.mark.postgresql
def test_a_loader_that_is_killed_in_its_turn_hands_it_on(project: Project) -> None:
    write_archives(project, project.contract)
    load(project.settings, project.contract)
    expected = told(project)
    (alone,) = project.sql("SELECT cycle_id FROM etl_log WHERE job_name = 'load'")
    undo(project.settings, project.contract, alone[0])
    with contextlib.ExitStack() as ended:
        with project.stack.connect(project.database) as connection:
            # Nobody can finish an archive as long as this transaction lasts.
            connection.execute("LOCK TABLE sensor_data IN ACCESS EXCLUSIVE MODE")
            four = ended.enter_context(loaders(project, *[FEED] * 4))
            wait_until(lambda: holder(project, four) is not None, "somebody's turn")
            victim = holder(project, four)
            assert victim is not None
            victim.kill()
            assert victim.returncode == -signal.SIGKILL
        require_success(*(one for one in four if one is not victim))
    assert told(project) == expected
    require_each_once(project, FEED, "sensor_data")
    assert project.sql("SELECT status, error_type, records_read FROM etl_log WHERE error_type IS NOT NULL") == [
        ("FAILED", "Died", 0)
    ]


def holder(project: Project, jobs: list[Job]) -> Job | None:
    """The job that has the feed's turn, and is held up in it: by the port of its connection."""
    found = project.sql(
        "SELECT a.client_port FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND a.wait_event_type = 'Lock'"
        " AND a.datname = current_database()"
    )
    ports = {port for (port,) in found}
    for job in jobs:
        with contextlib.suppress(psutil.Error):
            if ports & {at.laddr.port for at in psutil.Process(job.pid).net_connections("tcp")}:
                return job
    return None


def test_what_has_piled_up_is_loaded_in_archives_of_bounded_size(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.jobs.merge.join.MOST_ROWS", 5)
    for number, rows in enumerate((2, 3, 1, 9, 2)):
        readings = [reading(1, 10 * number + place, 20.0) for place in range(rows)]
        write_batch(project.settings, project.contract, project.topic, "topic", readings, start=100 * number)
    archives = merge(project.settings, project.contract).archives
    assert [archive.rows for archive in archives] == [5, 1, 9, 2]
    loaded = load(project.settings, project.contract)
    assert loaded.archives == archives
    assert loaded.counts.processed == 17
    project.require_exact(17)


class Clock:
    """Each look at it is a minute after the one before."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return 60.0 * self.looks


def test_a_loader_waits_for_a_bounded_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archives(project, project.contract)
    clock = Clock()
    monkeypatch.setattr("etl.jobs.load.queue.time", clock)
    assert project.settings.statement_timeout_seconds == 300
    with held(project, FEED), pytest.raises(AlreadyRunning, match="Another loader is loading feed sensor_readings"):
        load(project.settings, project.contract)
    assert clock.looks == 1 + 6, "it began, and gave up at the first look after more than 300 s"
    assert project.sql("SELECT status FROM etl_log WHERE job_name = 'load'") == [("FAILED",)]
    assert len(load(project.settings, project.contract).archives) == ARCHIVES


def test_a_cycle_whose_loader_lives_is_not_undone(project: Project) -> None:
    write_archives(project, project.contract)
    done = load(project.settings, project.contract)
    living = job_run(project.settings, project.contract, states.Job.LOAD, done.cycle_id, {}, alone=False)
    with living, pytest.raises(AlreadyRunning, match="is still running"):
        undo(project.settings, project.contract, done.cycle_id)
    assert undo(project.settings, project.contract, done.cycle_id).rows == done.counts.processed
