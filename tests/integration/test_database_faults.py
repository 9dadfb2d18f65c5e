"""The database goes away, hangs, comes back, or loses an answer: nothing is lost, nothing twice, and the log shows all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from etl.audit.heartbeat import beat, heartbeat
from etl.contract.reader import Contract
from etl.database import dispose, make_engine, transaction
from etl.database.postgresql.connection import BoundedConnection
from etl.errors import ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.settings import Settings
from tests.support.cluster import wait_until
from tests.support.proxy import Proxy, proxy
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


@pytest.fixture
def far(project: Project) -> Iterator[tuple[Project, Proxy]]:
    """A project whose database is reached through a proxy, and has readings that wait to be loaded."""
    produce(project.settings, project.contract, messages=500, bad_share=0.1, seed=1)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    url = project.env["ETL_DATABASE_URL"]
    port = urlsplit(url).port
    assert port is not None
    with proxy(port) as between:
        through = SecretStr(url.replace(f":{port}/", f":{between.port}/"))
        settings = project.settings.model_copy(update={"database_url": through, "retry_seconds": 0.5})
        yield replace(project, settings=settings), between


def at(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], None]) -> None:
    """Do something to the surroundings, once, when the loader comes to a failpoint."""
    once = iter([act])

    def reached(name: str) -> None:
        if name == point:
            next(once, lambda: None)()

    monkeypatch.setattr("etl.storage.failpoints.reached", reached)


def test_a_commit_whose_answer_is_lost_loads_once(far: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch) -> None:
    project, between = far
    at(monkeypatch, "load.before_commit", lambda: setattr(between, "lose_answer_to", b"COMMIT"))
    loaded = load(project.settings.model_copy(update={"retry_seconds": 20.0}), project.contract)
    assert between.lost.is_set()
    assert loaded.counts.read == 500
    rows = [row for row in project.log() if row["job_name"] == "load"]
    assert [(row["status"], row["records_read"]) for row in rows] == [("SUCCESS", 500)]
    project.require_exact(500)


def test_a_commit_whose_answer_is_lost_while_the_database_stays_away_loads_once(
    far: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = far

    def lose() -> None:
        between.lose_answer_to = b"COMMIT"
        between.then = "down"

    at(monkeypatch, "load.before_commit", lose)
    with pytest.raises(ServiceUnavailable):
        load(project.settings, project.contract)
    assert between.lost.is_set()
    between.down = False
    assert load(project.settings, project.contract).counts.read == 0
    rows = [row for row in project.log() if row["job_name"] == "load"]
    assert [(row["status"], row["records_read"]) for row in rows] == [("SUCCESS", 500), ("SUCCESS", 0)]
    project.require_exact(500)


def test_a_database_that_is_away_fails_the_job_and_the_next_one_writes_it_down(far: tuple[Project, Proxy]) -> None:
    project, between = far
    before = len(project.log())
    between.cut()
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        load(project.settings, project.contract)
    assert len(list(project.settings.spool.glob("*.json"))) == 1
    assert len(project.log()) == before
    # Another process died while it was keeping a row: that must not stop anything.
    (project.settings.spool / ".tmp-torn.json").write_text("{")
    between.down = False
    load(project.settings, project.contract)
    failed, succeeded = project.log()[before:]
    assert (succeeded["status"], succeeded["records_read"]) == ("SUCCESS", 500)
    assert (failed["job_name"], failed["status"], failed["error_type"]) == ("load", "FAILED", "ServiceUnavailable")
    assert failed["start_time"] < succeeded["start_time"]
    assert [file.name for file in project.settings.spool.iterdir()] == [".tmp-torn.json"]
    project.require_exact(500)


def test_a_database_that_goes_away_during_the_load_is_waited_for(
    far: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = far

    def restart() -> None:
        between.cut()
        threading.Timer(1.0, lambda: setattr(between, "down", False)).start()

    at(monkeypatch, "load.copying", restart)
    load(project.settings.model_copy(update={"retry_seconds": 30.0}), project.contract)
    project.require_exact(500)


def test_a_database_that_stays_away_during_the_load_leaves_it_to_the_next_job(
    far: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = far
    at(monkeypatch, "load.copying", between.cut)
    with pytest.raises(ServiceUnavailable):
        load(project.settings, project.contract)
    between.down = False
    load(project.settings, project.contract)
    statuses = [(row["status"], row["error_type"]) for row in project.log() if row["job_name"] == "load"]
    assert statuses == [("FAILED", "ServiceUnavailable"), ("SUCCESS", None)]
    project.require_exact(500)


@pytest.fixture
def hanging(far: tuple[Project, Proxy]) -> tuple[Project, Proxy]:
    """The same, and nobody waits longer than some seconds for an answer: for what is to fail."""
    project, between = far
    update = {"statement_timeout_seconds": 3.0, "database_timeout_seconds": 2}
    return replace(project, settings=project.settings.model_copy(update=update)), between


def patient(project: Project) -> Settings:
    """With the time-outs that people have."""
    update = {"statement_timeout_seconds": 300.0, "database_timeout_seconds": 10, "retry_seconds": 10.0}
    return project.settings.model_copy(update=update)


def require_failed_in_time(project: Project, job: Callable[[Settings, Contract], object]) -> None:
    """The error itself says which of the limits has ended the waiting."""
    with pytest.raises(ServiceUnavailable, match=r"no answer for 4 s|timeout expired"):
        job(project.settings, project.contract)


def require_next_run_exact(project: Project, between: Proxy) -> None:
    between.resume()
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ 'load'"
    wait_until(lambda: project.value(sessions) == 0, "the end of the load's sessions")
    load(patient(project), project.contract)
    statuses = [(row["status"], row["error_type"]) for row in project.log() if row["job_name"] == "load"]
    assert statuses == [("FAILED", "ServiceUnavailable"), ("SUCCESS", None)]
    project.require_exact(500)


def test_a_database_that_hangs_before_the_load(hanging: tuple[Project, Proxy]) -> None:
    project, between = hanging
    between.silence()
    require_failed_in_time(project, load)
    require_next_run_exact(project, between)


def test_a_database_that_hangs_between_two_statements(
    hanging: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = hanging
    at(monkeypatch, "load.copying", between.silence)
    require_failed_in_time(project, load)
    require_next_run_exact(project, between)


def test_a_database_that_hangs_in_the_copy(hanging: tuple[Project, Proxy]) -> None:
    project, between = hanging
    between.lose_answer_to, between.then = b"COPY ", "silent"
    require_failed_in_time(project, load)
    assert between.lost.is_set()
    require_next_run_exact(project, between)


def test_a_database_that_hangs_after_it_has_committed(
    hanging: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = hanging

    def lose() -> None:
        between.lose_answer_to, between.then = b"COMMIT", "silent"

    at(monkeypatch, "load.before_commit", lose)
    require_failed_in_time(project, load)
    assert between.lost.is_set()
    between.resume()
    assert load(patient(project), project.contract).counts.read == 0
    rows = [row for row in project.log() if row["job_name"] == "load"]
    assert [(row["status"], row["records_read"]) for row in rows] == [("SUCCESS", 500), ("SUCCESS", 0)]
    project.require_exact(500)


def test_a_lock_that_somebody_holds_is_not_waited_for_for_ever(hanging: tuple[Project, Proxy]) -> None:
    project, between = hanging
    with project.stack.connect(project.database) as somebody:
        somebody.execute("LOCK TABLE etl_file")
        with pytest.raises(ServiceUnavailable, match="another session holds a lock"):
            load(project.settings, project.contract)
    require_next_run_exact(project, between)


def test_a_statement_that_is_too_slow_is_ended_by_a_server_that_lives(hanging: tuple[Project, Proxy]) -> None:
    project, _ = hanging
    engine = make_engine(project.settings)
    with pytest.raises(ServiceUnavailable, match="a statement took too long"), transaction(engine) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    engine.dispose()


def test_a_copy_that_moves_on_may_take_longer_than_silence_may(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Any = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("etl.database.postgresql.connection.time", clock)
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.execute("CREATE TEMPORARY TABLE slow (value int)")
        with driver.cursor() as cursor, cursor.copy("COPY slow FROM STDIN") as copy:
            for _ in range(8):
                copy.write("1\n")
                clock.now += 0.9 * driver.patience_seconds
        found = driver.execute("SELECT count(*) FROM slow").fetchone()
    assert found == (8,)
    engine.dispose()


def test_an_audit_row_whose_answer_was_lost_is_found_again(far: tuple[Project, Proxy]) -> None:
    project, between = far
    before = len(project.log())
    between.lose_answer_to = b"COMMIT"
    load(project.settings.model_copy(update={"retry_seconds": 20.0}), project.contract)
    assert between.lost.is_set()
    assert [row["status"] for row in project.log()[before:]] == ["SUCCESS"]
    project.require_exact(500)


def test_an_audit_row_whose_answer_was_lost_with_the_database_is_closed_as_what_happened(
    far: tuple[Project, Proxy],
) -> None:
    project, between = far
    before = len(project.log())
    between.lose_answer_to, between.then = b"COMMIT", "down"
    with pytest.raises(ServiceUnavailable):
        load(project.settings, project.contract)
    between.down = False
    load(project.settings, project.contract)
    rows = [(row["status"], row["error_type"]) for row in project.log()[before:]]
    assert rows == [("FAILED", "ServiceUnavailable"), ("SUCCESS", None)]
    project.require_exact(500)


def test_a_heartbeat_that_hangs_does_not_hold_up_the_end(
    far: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, between = far
    waited: list[float | None] = []
    join = threading.Thread.join

    def note_and_join(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "heartbeat":
            waited.append(timeout)
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", note_and_join)
    monkeypatch.setattr("etl.audit.heartbeat.HEARTBEAT_SECONDS", 0.1)
    with heartbeat(project.settings, 0):
        between.lose_answer_to, between.then = b"UPDATE etl_log", "silent"
        assert between.lost.wait(60)
    assert waited == [2.0]
    between.resume()
    load(project.settings, project.contract)
    project.require_exact(500)


def test_a_load_that_waits_leaves_its_audit_row_to_signs_of_life(project: Project) -> None:
    """Also one that has something to note: what it writes in its row it writes at the end."""
    message = b'{"sensor_id": 1, "temperature": 20, "humidity": 40, "timestamp": "2025-06-15T00:00:00Z", "extra": 1}'
    project.send([message])
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    # Only the sign of life is impatient: the server would also end a transaction that is idle for so long.
    engine, hasty = make_engine(project.settings), make_engine(project.settings, statement_seconds=4)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor() as pool:
        with transaction(engine) as other:
            other.exec_driver_sql("LOCK TABLE etl_feed IN EXCLUSIVE MODE")
            loading = pool.submit(load, project.settings, project.contract)
            while not project.value(waiting):
                assert not loading.done()
            beat(hasty, project.log()[-1]["log_id"])
        assert loading.result().counts.processed == 1
    assert project.log()[-1]["notes"] == {"unknown_keys": {"extra": 1}}
    dispose(engine)
    dispose(hasty)
