"""The application: its routes, what surrounds them, and what they share."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from etl import __version__
from etl.api.dependencies import may_read
from etl.api.engines import reading_engine, writing_engine
from etl.api.limits import RateLimit, Turns
from etl.api.models import describe_readings
from etl.api.problems import Guard, ProblemDocument, add_handlers, describe
from etl.api.routes import (
    cycles,
    derived,
    docs,
    feeds,
    health,
    incidents,
    jobs,
    metrics,
    notebooks,
    quarantine,
    readings,
)
from etl.contract.reader import sound_contracts
from etl.database import dispose
from etl.settings import Settings

_WITH_TOKEN = (
    feeds.router,
    readings.router,
    derived.router,
    cycles.router,
    notebooks.router,
    jobs.router,
    quarantine.router,
    incidents.router,
    metrics.router,
    health.with_token,
    docs.router,
)
_FREE = frozenset({"/health"})
_OBJECTS_OF_AN_ANSWER = 50_000
_DESCRIPTION = """Readings, and how they came into the database. Every request needs a token
(`python -m etl api token new NAME`), either as `Authorization: Bearer TOKEN` or as the password of any user name.
Every error is a problem document (RFC 9457) with a remedy."""


def create_app(settings: Settings) -> FastAPI:
    """The application. It reads the contracts now, and connects to the database when it starts to serve.

    `app.state` has `settings`, `contracts` (feed → Contract), `engine` (can only read), and what the tokens need.
    """
    application = _Api(
        title="Notebook ETL",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_connected,
    )
    application.state.settings = settings
    application.state.contracts = sound_contracts(settings)
    application.state.rate_limit = RateLimit(settings.api_requests_per_minute)
    application.state.used_at = {}
    add_handlers(application)
    # The one that is added last is outermost.
    application.add_middleware(Turns, free=_FREE)
    application.add_middleware(Guard)
    if settings.api_cors_origins:
        application.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.api_cors_origins),
            allow_methods=["GET"],
            allow_headers=["Authorization"],
            expose_headers=["Retry-After", "Link"],
        )
    application.include_router(health.router)
    for router in _WITH_TOKEN:
        application.include_router(
            router, dependencies=[Depends(may_read)], responses=describe(401, 403, 422, 429, 500, 503)
        )
    return application


@asynccontextmanager
async def _connected(application: FastAPI) -> AsyncIterator[None]:
    state = application.state
    state.engine, state.writer = reading_engine(state.settings), writing_engine(state.settings)
    # An answer of many rows would let the garbage collector look through everything, time and again: what is there now stays,
    # and it is enough to look after the rows of an answer.
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_OF_AN_ANSWER)
    gc.freeze()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        for engine in filter(None, (state.engine, state.writer)):
            dispose(engine)
        gc.unfreeze()


class _Api(FastAPI):
    """FastAPI, whose document also names the feeds and what a problem looks like."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"]["ProblemDocument"] = ProblemDocument.model_json_schema()
        describe_readings(document, self.state.contracts.values())
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            for parameter in operation.get("parameters", ()):
                if (parameter["in"], parameter["name"]) == ("path", "feed"):
                    parameter["schema"]["enum"] = sorted(self.state.contracts)
        return document
