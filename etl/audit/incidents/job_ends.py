"""What the end of a job shows: that something failed, or that it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.audit.incidents.finding import OF_JOBS, Finding, Kind, Look
from etl.errors import FailureBudgetExceeded, Interrupted, RetentionGap

_KINDS = {
    FailureBudgetExceeded.__name__: Kind.FAILURE_BUDGET,
    RetentionGap.__name__: Kind.RETENTION_GAP,
    "Died": Kind.JOB_DIED,
}
_BY_PERSON = {KeyboardInterrupt.__name__, Interrupted.__name__}


def failed(job: str, row: Mapping[str, Any]) -> list[Look]:
    """What a job has shown that failed; nothing where a person has stopped it.

    :param row: `error_type` and `error_message` of its row in `etl_log`.
    """
    if row["error_type"] in _BY_PERSON:
        return []
    cause, _, remedy = str(row["error_message"]).partition("\n")
    kind = _KINDS.get(row["error_type"], Kind.JOB_FAILED)
    return [Look(kind, (Finding(cause, remedy, job),), frozenset({job}))]


def ended_well(job: str) -> list[Look]:
    """What is over when a job has ended well."""
    return [Look(kind, keys=frozenset({job})) for kind in OF_JOBS]
