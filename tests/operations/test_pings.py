"""The calls of ETL_HEARTBEAT_URL, by a real service that answers, refuses or hangs."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread, current_thread

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

import etl.operations.pings
from etl.operations.pings import Pings
from tests.support.heartbeat_service import HeartbeatService

ROWS = [
    {"job_name": "consume", "records_read": 12, "records_processed": 11, "records_rejected": 1},
    {"job_name": "load", "records_read": 11, "records_processed": 8, "records_rejected": 2},
]
SECRET = "c4n4ry-uuid"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeartbeatService]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HeartbeatService().up() as listening:
        yield listening


def pings(url: str) -> Pings:
    return Pings(SecretStr(url), "feed one", "c1")


def test_a_cycle_that_succeeds_calls_the_start_and_then_the_url_with_its_counts(service: HeartbeatService) -> None:
    with pings(f"{service.url}/ping/{SECRET}") as calls:
        assert service.call() == f"/ping/{SECRET}/start?feed=feed+one&cycle=c1"
        calls.succeeded(ROWS)
    assert service.call() == f"/ping/{SECRET}?feed=feed+one&cycle=c1&read=11&loaded=8&rejected=2"
    assert not service.was_called


def test_a_cycle_that_does_not_succeed_calls_the_failure(service: HeartbeatService) -> None:
    with pings(f"{service.url}/{SECRET}"):
        pass
    assert service.call().startswith(f"/{SECRET}/start?")
    assert service.call() == f"/{SECRET}/fail?feed=feed+one&cycle=c1"

    with pytest.raises(KeyError), pings(f"{service.url}/{SECRET}"):
        raise KeyError
    assert service.call().startswith(f"/{SECRET}/start?")
    assert service.call().startswith(f"/{SECRET}/fail?")


def test_parameters_of_the_url_stay(service: HeartbeatService) -> None:
    with pings(f"{service.url}/push/?token={SECRET}"):
        pass
    assert service.call() == f"/push/start?token={SECRET}&feed=feed+one&cycle=c1"


def test_a_service_that_hangs_delays_a_cycle_by_a_second_at_most_and_fails_nothing(
    service: HeartbeatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[float | None]()

    class Watched(Thread):
        def join(self, timeout: float | None = None) -> None:
            if current_thread() is cycle:
                waited.append(timeout)
            super().join(timeout)

    cycle = current_thread()
    monkeypatch.setattr(etl.operations.pings, "Thread", Watched)
    service.hang()
    with pings(f"{service.url}/{SECRET}") as calls:
        calls.succeeded(ROWS)
    assert waited == [1.0]
    assert service.call().startswith(f"/{SECRET}/start?")
    assert service.call().startswith(f"/{SECRET}?"), "it is called nevertheless, after the other"


@pytest.fixture
def answers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs can be captured while the cycle waits, and the service is slow on a busy machine."""
    for name in ("_WAIT_SECONDS", "_ANSWER_SECONDS"):
        monkeypatch.setattr(etl.operations.pings, name, 60.0)


@pytest.mark.usefixtures("answers_are_waited_for")
@pytest.mark.parametrize(
    ("code", "headers", "told"),
    [
        (404, {}, "HTTP 404"),
        (500, {}, "HTTP 500"),
        (302, {"Location": f"file:///{SECRET}"}, "HTTP 302"),
        (301, {"Location": f"nothing://{SECRET}"}, "HTTP 301"),
    ],
)
def test_a_refusal_is_logged_without_the_url(
    service: HeartbeatService, code: int, headers: dict[str, str], told: str
) -> None:
    service.code, service.headers = code, headers
    with capture_logs() as logged, pings(f"{service.url}/{SECRET}") as calls:
        calls.succeeded(ROWS)
    assert [entry["cause"] for entry in logged] == [told, told]
    assert SECRET not in str(logged)


@pytest.mark.usefixtures("answers_are_waited_for")
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        (f"http://127.0.0.1:9/{SECRET}", "ConnectionRefusedError"),
        (f"file:///{SECRET}", "ValueError"),
        (SECRET, "ValueError"),
        (f"http://[{SECRET}", "ValueError"),
        (f"http://127.0.0.1:{SECRET}/", "InvalidURL"),
        (f"http://127.0.0.1:9/{SECRET} with a blank", "InvalidURL"),
    ],
)
def test_a_url_that_leads_nowhere_is_logged_without_it(monkeypatch: pytest.MonkeyPatch, url: str, cause: str) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with capture_logs() as logged, pings(url):
        pass
    assert [(entry["event"], entry["cause"]) for entry in logged] == [
        ("ETL_HEARTBEAT_URL/start did not take the call", cause),
        ("ETL_HEARTBEAT_URL/fail did not take the call", cause),
    ]
    assert SECRET not in str(logged)


def test_without_a_url_nothing_is_called(service: HeartbeatService) -> None:
    with Pings(None, "feed", "c1") as calls:
        calls.succeeded(ROWS)
    assert not service.was_called
