"""A real PostgreSQL is stopped in the middle of a load and started again some time later."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from etl import services
from etl.database import make_engine
from etl.database.schema.migrations import migrate
from etl.errors import ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.services import postgres
from etl.settings import Settings
from tests.support.stack import JARS, Project, quiet

pytestmark = pytest.mark.postgresql

OUTAGE_SECONDS = float(os.environ.get("ETL_TEST_OUTAGE_SECONDS", "3"))


@dataclass
class Server:
    """A server of the test's own, which it may stop as it likes."""

    settings: Settings

    def start(self) -> str:
        return postgres.start(self.settings, quiet).endpoint

    def stop(self) -> None:
        postgres.stop(self.settings, quiet)


@pytest.fixture
def alone(project: Project, tmp_path: Path) -> Iterator[tuple[Project, Server]]:
    """A project on that server, with readings that wait to be loaded."""
    own = Settings.load(home=tmp_path / "server", jars=JARS)
    own.services.mkdir(mode=0o700, parents=True)
    server = Server(own)
    try:
        url = server.start()
        update = {"database_url": SecretStr(url), "retry_seconds": 1.0}
        settings = project.settings.model_copy(update=update)
        engine = make_engine(settings)
        migrate(engine)
        engine.dispose()
        there = replace(project.stack, database=url)
        env = {**project.env, "ETL_DATABASE_URL": url}
        found = replace(project, stack=there, server=there.postgresql, database="etl", settings=settings, env=env)
        produce(settings, found.contract, messages=500, bad_share=0.1, seed=1)
        consume(settings, found.contract)
        merge(settings, found.contract)
        yield found, server
    finally:
        services.down(own, quiet, delete_data=True)


def at_copying(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something to the server, once, while a load is under way."""
    once = iter([act])

    def reached(name: str) -> None:
        if name == "load.copying":
            next(once, lambda: None)()

    monkeypatch.setattr("etl.storage.failpoints.reached", reached)


def test_an_outage_longer_than_the_retries(alone: tuple[Project, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    project, server = alone
    at_copying(monkeypatch, server.stop)
    stopped = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        load(project.settings, project.contract)
    # A whole cycle falls into the outage as well.
    with pytest.raises(ServiceUnavailable):
        merge(project.settings, project.contract)
    time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - stopped)))
    assert server.start() == project.stack.database, "the address stays"
    for job in (consume, merge, load):
        job(project.settings, project.contract)
    tried = [(row["job_name"], row["status"]) for row in project.log()[3:]]
    assert tried[:2] == [("load", "FAILED"), ("merge", "FAILED")]
    assert tried[2:] == [("consume", "SUCCESS"), ("merge", "SUCCESS"), ("load", "SUCCESS")]
    project.require_exact(500)


def test_an_outage_shorter_than_the_retries(alone: tuple[Project, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    project, server = alone
    starter = threading.Timer(OUTAGE_SECONDS, server.start)

    def stop_for_a_while() -> None:
        server.stop()
        starter.start()

    at_copying(monkeypatch, stop_for_a_while)
    load(project.settings.model_copy(update={"retry_seconds": 30.0 + OUTAGE_SECONDS}), project.contract)
    starter.join()
    assert [row["status"] for row in project.log() if row["job_name"] == "load"] == ["SUCCESS"]
    project.require_exact(500)
