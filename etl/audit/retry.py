"""Retry what may succeed a moment later, with growing pauses and for a limited time.

Only idempotent work is retried: opening an audit row that was not written, reading offsets, loading an archive whose
transaction was rolled back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
import tenacity

from etl.errors import ServiceUnavailable
from etl.settings import Settings

log = structlog.get_logger("retry")

Result = TypeVar("Result")


def retrying(settings: Settings, what: str, act: Callable[[], Result]) -> Result:
    """The result of `act`, which is retried while a service is unavailable, for `settings.retry_seconds` at most.

    Pauses grow exponentially and are random (jitter), so that several jobs do not retry at the same moment.

    :param what: what is done, for the log.
    :raises ServiceUnavailable: the last one, when the time is up.
    """

    def log_retry(state: tenacity.RetryCallState) -> None:
        log.warning("retrying", what=what, attempt=state.attempt_number)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServiceUnavailable),
        stop=tenacity.stop_after_delay(settings.retry_seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        before_sleep=log_retry,
        reraise=True,
    )(act)
