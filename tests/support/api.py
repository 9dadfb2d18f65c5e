"""The read API, served for a test by a real server in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from etl.api import tokens
from etl.api.app import create_app
from etl.api.server import address, listen, make_server
from etl.api.tokens import Scope
from etl.database.schema.migrations import connected
from etl.settings import Settings
from tests.support.stack import Project

SECONDS = 30.0
"""Longest wait for an answer."""


def new_token(settings: Settings, name: str = "test", *scopes: Scope, lifetime: str | None = None) -> str:
    """A token; without scopes one that may read."""
    with connected(settings, "test") as connection:
        return tokens.new(connection, name, scopes or [Scope.READ], lifetime)


@contextmanager
def serving(settings: Settings, application: FastAPI | None = None) -> Iterator[str]:
    """The address of a server, which is gone at the end.

    :param application: another one than ours.
    """
    with listen("127.0.0.1", 0) as listening:
        server = make_server(application or create_app(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        # Requests that come before it accepts them wait in the socket's queue.
        try:
            yield address(listening)
        finally:
            server.should_exit = True
            thread.join(SECONDS)
    assert not thread.is_alive()


@dataclass
class Api:
    """A server, and the project whose database it reads."""

    project: Project
    url: str

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=SECONDS)

    def get(self, path: str, token: str | None = None, **options: object) -> httpx.Response:
        with self.client(token) as client:
            return client.get(path, **options)  # type: ignore[arg-type]


@pytest.fixture
def api(project: Project) -> Iterator[Api]:
    """The API on the project's database; a test module imports it by its name."""
    with serving(project.settings) as url:
        yield Api(project, url)
