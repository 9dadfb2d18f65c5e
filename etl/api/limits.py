"""Limits: how many requests are answered at once, and how many a token may send in a minute."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from math import ceil

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from etl.api.problems import Problem, problem_response, too_busy

AT_ONCE = 8
"""Requests that are answered at once; each holds one connection to the database, until its answer has been sent."""
WAIT_SECONDS = 5.0
"""How long a request waits for its turn."""


class RateLimit:
    """How many requests of each token are answered in any 60 seconds."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def refuse(self, token_id: int) -> Problem | None:
        """Count a request of a token; the problem if it is one too many."""
        who = str(token_id)
        if self._limiter.hit(self._limit, who):
            return None
        seconds = self._limiter.get_window_stats(self._limit, who).reset_time - time.time()
        return too_busy(
            f"This token may send {self._limit.amount} requests a minute.",
            max(1, ceil(seconds)),
            status=HTTPStatus.TOO_MANY_REQUESTS,
        )


class Turns:
    """Lets some requests in at once; another one waits for its turn, and is answered 503 if it has to wait for too long.

    So no request waits for a connection to the database, and a crowd of them cannot hang the server.
    """

    def __init__(
        self, app: ASGIApp, *, free: frozenset[str], at_once: int = AT_ONCE, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        """:param free: paths that need no database, and no turn."""
        self._app = app
        self._free = free
        self._turns = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._free:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            busy = too_busy("The server is busy with other requests.")
            await problem_response(busy, scope["path"])(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._turns.release()
