"""Try again what may succeed a moment later: with growing pauses, for a bounded time, and nothing else.

Only idempotent work is tried again: opening an audit row that was not written, reading offsets, loading an archive whose
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
    """The result of `act`, tried again while a service is away, for `settings.retry_seconds` at most.

    Pauses grow exponentially and are drawn at random up to their bound, so that several jobs do not come back all at once.

    :raises ServiceUnavailable: the last one, when time is over.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        log.warning("trying again", what=what, attempt=state.attempt_number)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServiceUnavailable),
        stop=tenacity.stop_after_delay(settings.retry_seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        before_sleep=tell,
        reraise=True,
    )(act)
