"""Limits: turns that end, and requests of a token in a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from etl.api.limits import RateLimit, Turns


def test_a_token_has_its_requests_a_minute_and_another_one_its_own() -> None:
    limit = RateLimit(3)
    assert [limit.refuse(1) for _ in range(3)] == [None] * 3
    refused = limit.refuse(1)
    assert refused is not None
    assert refused.status == 429
    assert 1 <= int(str(refused.headers["Retry-After"])) <= 60
    assert limit.refuse(2) is None


class Held:
    """An application whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.most = self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if scope["path"] != "/health":
            await self.let_go.wait()
        self.inside -= 1
        if scope["path"] == "/fails":
            raise ValueError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


def client(application: Turns) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_no_more_are_answered_at_once_and_those_that_wait_get_their_turn() -> None:
    async def crowd() -> None:
        held = Held()
        async with client(Turns(held, free=frozenset(), at_once=2, wait_seconds=30)) as asking:
            asked = [asyncio.create_task(asking.get("/")) for _ in range(20)]
            while held.inside < 2:
                await asyncio.sleep(0)
            held.let_go.set()
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
            assert held.most == 2

    run(crowd())


def test_who_waits_for_too_long_is_told_to_come_again_and_health_needs_no_turn() -> None:
    async def crowd() -> None:
        held = Held()
        turns = Turns(held, free=frozenset({"/health"}), at_once=1, wait_seconds=0.05)
        async with client(turns) as asking:
            first = asyncio.create_task(asking.get("/"))
            while held.inside < 1:
                await asyncio.sleep(0)
            refused = await asking.get("/")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["instance"] == "/"
            assert (await asking.get("/health")).status_code == 200
            held.let_go.set()
            assert (await first).status_code == 200
            assert (await asking.get("/")).status_code == 200

    run(crowd())


def test_a_turn_ends_also_with_an_error() -> None:
    async def crowd() -> None:
        held = Held()
        held.let_go.set()
        async with client(Turns(held, free=frozenset(), at_once=1, wait_seconds=0.05)) as asking:
            for _ in range(3):
                assert (await asking.get("/fails")).status_code == 500
            assert (await asking.get("/")).status_code == 200

    run(crowd())
