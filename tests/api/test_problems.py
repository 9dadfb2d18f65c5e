"""Errors become problem documents, each with a remedy, and tell strangers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from etl.api.problems import MEDIA_TYPE, Guard, Problem, add_handlers, describe, too_busy
from etl.errors import ConfigurationError, EtlError, MissingRight, NotFound, ServiceUnavailable
from etl.settings import Settings
from tests.support.api import serving

SECRET = "row 17: S3cret"


def application() -> FastAPI:
    """Routes that fail in every way."""
    made = FastAPI(redirect_slashes=False)
    add_handlers(made)
    made.add_middleware(Guard)

    @made.get("/raises/{which}")
    def raises(which: str, request: Request, known: bool = False) -> None:
        if known:
            request.state.token = "valid"
        raise ERRORS[which]

    @made.get("/limited", responses=describe(422))
    def limited(limit: Annotated[int, Query(le=5)]) -> int:
        return limit

    @made.get("/breaks")
    def breaks() -> StreamingResponse:
        def rows() -> Iterator[bytes]:
            yield b"first\n"
            raise ValueError(SECRET)

        return StreamingResponse(rows())

    return made


ERRORS: dict[str, Exception] = {
    "outage": ServiceUnavailable("The database db.internal:5432/iot does not answer.", remedy="Start it."),
    "tables": ConfigurationError("The audit tables are missing.", remedy="Run `python -m etl init`."),
    "right": MissingRight("The database refused a statement.", remedy="Grant it."),
    "absent": NotFound("There is no cycle x.", remedy="`python -m etl history` shows all."),
    "busy": too_busy("The server is busy.", 7),
    "own": Problem(401, "No.", remedy="Yes.", headers={"WWW-Authenticate": ("Bearer", "Basic")}),
    "unexpected": KeyError(SECRET),
}


def get(path: str) -> httpx.Response:
    async def answered() -> httpx.Response:
        transport = httpx.ASGITransport(application())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(answered())


def problem(path: str, status: int) -> tuple[dict[str, Any], httpx.Headers]:
    response = get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    document: dict[str, Any] = response.json()
    assert document.keys() == {"type", "title", "status", "detail", "remedy", "instance"}
    assert document["status"] == status
    assert document["instance"] == path.partition("?")[0]
    return document, response.headers


@pytest.mark.parametrize(("which", "retry"), [("outage", "5"), ("tables", None), ("right", None)])
def test_our_errors_are_told_in_full_to_a_known_caller_alone(which: str, retry: str | None) -> None:
    error = ERRORS[which]
    assert isinstance(error, EtlError)
    told, headers = problem(f"/raises/{which}?known=true", 503)
    assert (told["detail"], told["remedy"]) == (error.cause, error.remedy)
    assert headers.get("retry-after") == retry
    hidden, headers = problem(f"/raises/{which}", 503)
    assert error.cause not in str(hidden)
    assert "db.internal" not in str(hidden)
    assert hidden["remedy"]
    assert headers.get("retry-after") == retry


def test_what_is_not_there_is_404() -> None:
    told, _ = problem("/raises/absent?known=true", 404)
    assert told["detail"] == "There is no cycle x."
    assert problem("/nothing", 404)[0]["title"] == "Not Found"
    assert problem("/nothing/", 404)[0]["remedy"]


def test_a_problem_has_its_headers() -> None:
    told, headers = problem("/raises/busy", 503)
    assert headers["retry-after"] == "7"
    assert "7 seconds" in told["remedy"]
    assert problem("/raises/own", 401)[1].get_list("www-authenticate") == ["Bearer", "Basic"]


def test_wrong_parameters_are_named() -> None:
    told, _ = problem("/limited?limit=6", 422)
    assert told["detail"] == "query.limit: Input should be less than or equal to 5"
    assert "query.limit" in problem("/limited", 422)[0]["detail"]


def test_the_log_has_kind_and_place_of_an_unexpected_error_and_not_its_text() -> None:
    with capture_logs() as lines:
        told, _ = problem("/raises/unexpected", 500)
    assert SECRET not in str(told)
    (line,) = lines
    assert line["error"] == "KeyError"
    assert line["cause"].startswith("test_problems.py:")
    assert SECRET not in str(line)


def test_an_answer_that_fails_after_it_has_begun_is_broken_off(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(settings, application()) as url, httpx.stream("GET", f"{url}/breaks", timeout=30) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    assert SECRET not in "".join(capfd.readouterr())
