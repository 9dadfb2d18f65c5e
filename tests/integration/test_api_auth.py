"""Nobody asks the API without a valid token: tried on every route that the application has."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import httpx
import pytest

from etl.api import tokens
from etl.api.app import create_app
from etl.api.problems import MEDIA_TYPE
from etl.api.tokens import Scope
from etl.database.schema.migrations import connected
from tests.support.api import Api, api, new_token

__all__ = ["api"]

HIDDEN = ("/docs", "/openapi.json", "/docs/favicon.png")
"""Routes that are not in the document."""
VALUES = {"feed": "sensor_readings", "cycle_id": "20260101T000000Z-abcdef", "job": "load", "rejected_id": "1"}
PAST = "2020-01-01T00:00:00+00:00"


def routes(api: Api) -> list[str]:
    """Every path but that of `health`, with values in place of its parameters."""
    paths = create_app(api.project.settings).openapi()["paths"].keys()
    assert len(paths) > 12
    assert "/feeds/{feed}/latest" in paths
    return [*HIDDEN, *(re.sub(r"{(\w+)}", lambda found: VALUES[found[1]], path) for path in paths - {"/health"})]


def refused_everywhere(api: Api, headers: dict[str, str], status: int, detail: str) -> None:
    with api.client() as client:
        for path in routes(api):
            response = client.get(path, headers=headers)
            assert response.status_code == status, path
            assert response.headers["content-type"] == MEDIA_TYPE
            problem = response.json()
            assert detail in problem["detail"], path
            assert "api token new" in problem["remedy"]
            challenges = response.headers.get_list("www-authenticate")
            assert any(challenge.startswith("Bearer") for challenge in challenges)
            # A browser asks for a password where none was given, or a wrong one.
            assert any(challenge.startswith("Basic") for challenge in challenges) == (status == 401)


def expired(api: Api) -> str:
    text = new_token(api.project.settings, "expired", lifetime="1d")
    api.project.sql(f"UPDATE etl_api_token SET expires_at = '{PAST}' WHERE name = 'expired'")
    return text


def revoked(api: Api) -> str:
    text = new_token(api.project.settings, "revoked")
    with connected(api.project.settings, "test") as connection:
        tokens.revoke(connection, "revoked")
    return text


def wrong(api: Api) -> str:
    return new_token(api.project.settings, "right")[:-1] + "~"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Token etl_abc"},
        {"Cookie": "token=etl_abc", "X-Api-Key": "etl_abc"},
    ],
    ids=["none", "empty", "nothing", "other scheme", "elsewhere"],
)
def test_without_a_token(api: Api, headers: dict[str, str]) -> None:
    refused_everywhere(api, headers, 401, "needs a token")


@pytest.mark.parametrize(
    ("make", "detail"),
    [(wrong, "not known"), (expired, "expired"), (revoked, "revoked")],
    ids=["wrong", "expired", "revoked"],
)
def test_with_a_token_that_is_not_valid(api: Api, make: Callable[[Api], str], detail: str) -> None:
    text = make(api)
    refused_everywhere(api, {"Authorization": f"Bearer {text}"}, 401, detail)
    password = base64.b64encode(f"anybody:{text}".encode()).decode()
    refused_everywhere(api, {"Authorization": f"Basic {password}"}, 401, detail)


def test_with_a_token_that_may_not_read(api: Api) -> None:
    text = new_token(api.project.settings, "raw alone", Scope.RAW)
    refused_everywhere(api, {"Authorization": f"Bearer {text}"}, 403, "may not read")


@pytest.mark.parametrize("garbage", ["Basic !!!", "Basic bm9jb2xvbg==", "Bearer \xff\xfe", "Bearer a b c"])
def test_garbage_is_refused_and_no_error(api: Api, garbage: str) -> None:
    response = httpx.get(f"{api.url}/ready", headers={b"Authorization": garbage.encode("latin-1")}, timeout=30)
    assert response.status_code == 401
    assert response.json()["title"] == "Unauthorized"


def test_a_token_opens_every_route_and_so_does_the_password_of_any_user(api: Api) -> None:
    """None of them is refused for the token; what is not there is 404."""
    # Some routes read views.
    api.project.etl("init")
    token = new_token(api.project.settings)
    with api.client(token) as bearer, httpx.Client(base_url=api.url, auth=("anybody", token), timeout=30) as basic:
        for path in routes(api):
            for client in (bearer, basic):
                assert client.get(path).status_code in (200, 404), path


def test_revoking_counts_at_once(api: Api) -> None:
    api.project.etl("init")
    token = new_token(api.project.settings, "grafana")
    with api.client(token) as client:
        assert client.get("/feeds").status_code == 200
        api.project.etl("api", "token", "revoke", "grafana")
        assert client.get("/feeds").status_code == 401


def test_only_get_is_answered(api: Api) -> None:
    token = new_token(api.project.settings)
    with api.client(token) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            response = client.request(method, "/feeds")
            assert response.status_code == 405
            assert response.headers["content-type"] == MEDIA_TYPE


def test_the_command_serves_and_ends(api: Api) -> None:
    """`python -m etl api` on a free port, as a user starts it."""
    token = new_token(api.project.settings)
    process = api.project.popen("api")
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "listens on" in line)
        url = re.search(r"http://[\d.:]+", line)
        assert url is not None
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url[0]}/ready", headers=headers, timeout=60).json() == {"status": "ready"}
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=60)
    assert token not in line + rest
    assert "Traceback" not in rest
