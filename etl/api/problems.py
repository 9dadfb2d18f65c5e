"""Errors as problem documents (RFC 9457), each with a remedy.

Whoever has no valid token is told nothing about the inside of the server, such as where its database is.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etl.errors import EtlError, NotFound, TransientError

log = structlog.get_logger("api")

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""After what time a client may try again when the database does not answer, or all connections are in use."""
_FRAMES = 5
_LOOK = "Whoever runs the server finds the cause in its log."
_HIDDEN = "The server cannot reach its database, or lacks something else that it needs."


class ProblemDocument(BaseModel):
    """A problem: what is wrong, and what to do."""

    type: str = Field("about:blank", description="the status says what kind of problem it is")
    title: str = Field(description="the status in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="what is wrong; no row data and no secret")
    remedy: str = Field("", description="what to do about it; may be empty")
    instance: str = Field(description="path of the request")


class Problem(Exception):
    """Raised by a route or a dependency: the request cannot be answered. Neither text may hold row data or a secret."""

    def __init__(
        self, status: int, detail: str, *, remedy: str = "", headers: Mapping[str, str | tuple[str, ...]] | None = None
    ) -> None:
        """:param headers: of the answer; a tuple becomes several headers with one name."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.headers = dict(headers or {})


def too_busy(detail: str, seconds: int = RETRY_SECONDS, *, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> Problem:
    """A problem that is over after a while."""
    return Problem(
        status, detail, remedy=f"Try again in {seconds} seconds or later.", headers={"Retry-After": str(seconds)}
    )


def describe(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: it may also answer with one of these statuses, as a problem document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_response(problem: Problem, path: str) -> JSONResponse:
    """The answer to a request with this path."""
    document = ProblemDocument(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        remedy=problem.remedy,
        instance=path,
    )
    response = JSONResponse(document.model_dump(), problem.status, media_type=MEDIA_TYPE)
    for name, values in problem.headers.items():
        for value in (values,) if isinstance(values, str) else values:
            response.headers.append(name, value)
    return response


def add_handlers(application: FastAPI) -> None:
    """Make every error that a route raises a problem document."""
    for kind in (Problem, EtlError, RequestValidationError, HTTPException):
        application.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    """:param error: of one of the kinds in `add_handlers`."""
    if isinstance(error, EtlError):
        problem = _of_our_error(error, is_known=hasattr(request.state, "token"))
    elif isinstance(error, RequestValidationError):
        problem = Problem(422, _what_is_wrong(error), remedy="/docs shows which parameters there are.")
    elif isinstance(error, HTTPException):
        problem = Problem(error.status_code, error.detail, remedy="/docs shows what there is.", headers=error.headers)
    else:
        assert isinstance(error, Problem)
        problem = error
    return problem_response(problem, request.url.path)


def _of_our_error(error: EtlError, *, is_known: bool) -> Problem:
    """What was asked for and is not there, or what has gone wrong in the server.

    :param is_known: whether the request has a valid token.
    """
    if isinstance(error, NotFound):
        return Problem(HTTPStatus.NOT_FOUND, error.cause, remedy=error.remedy)
    log.warning("a request failed", error=type(error).__name__, cause=error.cause)
    headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, TransientError) else None
    detail, remedy = (error.cause, error.remedy) if is_known else (_HIDDEN, _LOOK)
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, remedy=remedy, headers=headers)


def _what_is_wrong(error: RequestValidationError) -> str:
    """Every parameter that is wrong, and how."""
    return "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors())


class Guard:
    """Around everything else: an error that nobody expected becomes a problem without details, and the log has not its text
    but its kind and place.

    An answer that has begun already is broken off, so that the client sees that it is not whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def guarded(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                # What is answered is nobody else's, and no browser may take data for a page.
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold row data
            # What cannot be answered any more, because an answer has begun, comes inside an error of Starlette.
            inner = error.__cause__ or error
            text = inner.cause if isinstance(inner, EtlError) else _place(inner)
            log.error("a request failed unexpectedly", error=type(inner).__name__, cause=text)  # noqa: TRY400
            if not has_begun:
                problem = Problem(500, "The server made a mistake.", remedy=_LOOK)
                await problem_response(problem, scope["path"])(scope, receive, guarded)


def _place(error: BaseException) -> str:
    """Where an error was raised, the innermost place first."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
