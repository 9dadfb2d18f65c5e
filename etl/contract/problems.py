"""Errors of independent parts of a contract, reported together, so that a file can be corrected in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from etl.errors import ContractError

_T = TypeVar("_T")


def combine(errors: Sequence[ContractError]) -> ContractError:
    """The first error, with all of them as its `problems`."""
    first, more = errors[0], len(errors) - 1
    hint = f" `python -m etl feeds check FILE` shows {more} more." if more else ""
    return ContractError(first.cause, remedy=first.remedy + hint, problems=errors)


def collect_errors(calls: Iterable[Callable[[], _T]]) -> list[_T]:
    """The results of all calls; every call is made, also after an error.

    :raises ContractError: with the errors of all calls.
    """
    results, errors = [], list[ContractError]()
    for call in calls:
        try:
            results.append(call())
        except ContractError as error:
            errors += error.problems
    if errors:
        raise combine(errors)
    return results


def read_parts(calls: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The results of all calls, by name; see `collect_errors`."""
    return dict(zip(calls, collect_errors(calls.values()), strict=True))
