"""The database goes away, comes back, or loses an answer: nothing is lost, nothing twice, and the log tells all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from etl.consume import consume
from etl.errors import ServiceUnavailable
from etl.load import load
from etl.merge import merge
from etl.produce import produce
from tests.proxy import Proxy, proxy
from tests.stack import Project


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

    monkeypatch.setattr("etl.load.failpoints.reached", reached)


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
        between.then_down = True

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
