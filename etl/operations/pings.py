"""Calls of ETL_HEARTBEAT_URL, so that a service elsewhere notices when cycles fail, or do not come any more.

As the common services want it (https://healthchecks.io/docs/http_api/): a GET of URL/start when a cycle begins, then one of URL
where it succeeds, with its counts, or of URL/fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.client import HTTPException
from threading import Thread
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

import structlog
from pydantic import SecretStr

from etl.audit.states import Job

log = structlog.get_logger("heartbeat_url")

_ANSWER_SECONDS = 2.0
_WAIT_SECONDS = 1.0
"""Longest time by which the service delays the end of a cycle."""


class Pings:
    """The calls of one cycle, while its context is entered: it counts as failed unless `succeeded` is called.

    Each is made in a thread that nobody waits for longer than a second. Whatever goes wrong with it is logged and fails nothing;
    the URL is a secret and is not logged.
    """

    def __init__(self, url: SecretStr | None, feed: str, cycle_id: str) -> None:
        self._url = url
        self._cycle = {"feed": feed, "cycle": cycle_id}
        self._end, self._counts = "/fail", dict[str, int]()
        self._newest: Thread | None = None

    def __enter__(self) -> Self:
        self._call("/start", {})
        return self

    def succeeded(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The cycle has succeeded.

        :param rows: its rows of `etl_log`; the service is told how many rows its load read, loaded and rejected.
        """
        names = {"read": "records_read", "loaded": "records_processed", "rejected": "records_rejected"}
        loads = [row for row in rows if row["job_name"] == Job.LOAD]
        self._end, self._counts = "", {name: sum(load[column] for load in loads) for name, column in names.items()}

    def __exit__(self, *_: object) -> None:
        self._call(self._end, self._counts)
        if self._newest:
            self._newest.join(_WAIT_SECONDS)

    def _call(self, suffix: str, counts: Mapping[str, int]) -> None:
        if self._url is None:
            return
        arguments = (self._url, suffix, {**self._cycle, **counts}, self._newest)
        thread = Thread(target=_ping, args=arguments, name="heartbeat-url", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("ETL_HEARTBEAT_URL was not called", cause=str(error))
        else:
            self._newest = thread


def _ping(url: SecretStr, suffix: str, query: Mapping[str, str | int], before: Thread | None) -> None:
    """Call the URL once, after the call before it."""
    if before:
        before.join(_ANSWER_SECONDS)
    try:
        request = Request(_address(url.get_secret_value(), suffix, query), headers={"User-Agent": "notebook-etl"})  # noqa: S310
        with urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - the scheme is checked
            pass
    except (OSError, HTTPException, ValueError) as error:
        log.warning(f"ETL_HEARTBEAT_URL{suffix} did not take the call", cause=_cause(error))


def _address(url: str, suffix: str, query: Mapping[str, str | int]) -> str:
    """The URL with a suffix to its path, and more parameters.

    :raises ValueError: it is not a URL of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("it does not begin with http:// or https://")
    path = parts.path.rstrip("/") + suffix if suffix else parts.path
    parameters = "&".join(filter(None, [parts.query, urlencode(query)]))
    return urlunsplit(parts._replace(path=path, query=parameters, fragment=""))


def _cause(error: Exception) -> str:
    """What went wrong, without the text of the error: that may hold the URL."""
    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", error)
    return type(reason if isinstance(reason, Exception) else error).__name__
