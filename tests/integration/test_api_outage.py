"""The database is stopped, or falls silent, while 200 requests come at once: all are answered, and afterwards all is well."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from etl import services
from etl.database import dispose, make_engine
from etl.database.schema.migrations import migrate
from etl.services import postgres
from etl.settings import Settings
from tests.support.api import Api, new_token, serving
from tests.support.cluster import wait_until
from tests.support.proxy import Proxy, proxy
from tests.support.stack import JARS, Project, quiet

pytestmark = pytest.mark.postgresql

AT_ONCE = 200
ANSWERED_WITHIN = 40.0


async def _ask(client: httpx.AsyncClient, path: str, first: threading.Event) -> httpx.Response:
    response = await client.get(path)
    first.set()
    return response


def crowd(api: Api, token: str, first: threading.Event | None = None, path: str = "/jobs") -> Counter[int]:
    """200 requests at once: how many were answered with which status. Each 503 says when to come again, and what to do.

    :param first: is set when the first one is answered.
    """
    event = first or threading.Event()

    async def all_at_once() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=api.url, headers=headers, limits=limits, timeout=ANSWERED_WITHIN
        ) as client:
            return await asyncio.gather(*(_ask(client, path, event) for _ in range(AT_ONCE)))

    responses = asyncio.run(all_at_once())
    for response in responses:
        if response.status_code == 503:
            assert int(response.headers["retry-after"]) >= 1
            assert response.json()["remedy"]
    return Counter(response.status_code for response in responses)


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Iterator[tuple[Project, Settings]]:
    """A project on a server that the test may stop, and the settings of that server."""
    server = Settings.load(home=tmp_path / "server", jars=JARS)
    server.services.mkdir(mode=0o700, parents=True)
    try:
        update = {"database_url": SecretStr(postgres.start(server, quiet).endpoint), "api_requests_per_minute": 100_000}
        settings = project.settings.model_copy(update=update)
        engine = make_engine(settings)
        migrate(engine)
        dispose(engine)
        yield replace(project, settings=settings), server
    finally:
        services.down(server, quiet, delete_data=True)


def test_a_database_that_is_stopped_and_started_again(own: tuple[Project, Settings]) -> None:
    project, server = own
    token = new_token(project.settings)
    with serving(project.settings) as url:
        api = Api(project, url)
        assert crowd(api, token).keys() <= {200, 503}
        assert api.get("/jobs", token).status_code == 200

        first = threading.Event()
        stopping = threading.Thread(target=lambda: first.wait() and postgres.stop(server, quiet))
        stopping.start()
        during = crowd(api, token, first)
        stopping.join()
        assert during.keys() <= {200, 503}
        assert sum(during.values()) == AT_ONCE

        assert crowd(api, token) == {503: AT_ONCE}
        assert api.get("/health").status_code == 200
        refused = api.get("/ready", token)
        assert refused.status_code == 503
        assert "127.0.0.1" not in refused.text, "whoever has no token that was looked up is told nothing of the server"

        assert postgres.start(server, quiet).endpoint == project.settings.database().get_secret_value()
        assert api.get("/ready", token).json() == {"status": "ready"}
        assert api.get("/jobs", token).status_code == 200
        assert crowd(api, token).keys() <= {200, 503}


@pytest.fixture
def far(project: Project) -> Iterator[tuple[Project, Proxy]]:
    """A project whose database is behind a proxy, with short time-outs."""
    url = project.settings.database().get_secret_value()
    port = urlsplit(url).port
    assert port is not None
    with proxy(port) as between:
        update = {
            "database_url": SecretStr(url.replace(f":{port}/", f":{between.port}/")),
            "database_timeout_seconds": 2,
            "api_statement_seconds": 1.0,
            "api_requests_per_minute": 100_000,
        }
        yield replace(project, settings=project.settings.model_copy(update=update)), between


def wait_until_ready(api: Api, token: str) -> None:
    """The short time-outs, which are for a silent database, may be too short for one that answers on a busy machine."""
    wait_until(lambda: api.get("/ready", token).json() == {"status": "ready"}, "a database that answers")


def test_a_database_that_falls_silent(far: tuple[Project, Proxy]) -> None:
    project, between = far
    token = new_token(project.settings.model_copy(update={"database_timeout_seconds": 10}))
    with serving(project.settings) as url:
        api = Api(project, url)
        wait_until_ready(api, token)
        between.silence()
        assert crowd(api, token) == {503: AT_ONCE}
        assert api.get("/health").status_code == 200
        between.resume()
        wait_until_ready(api, token)
        between.cut()
        assert api.get("/ready", token).status_code == 503
        between.down = False
        wait_until_ready(api, token)
