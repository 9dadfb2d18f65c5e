"""Errors of independent parts of a contract, told together, so that a file is mended in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from etl.errors import ContractError

_T = TypeVar("_T")


def as_one(errors: Sequence[ContractError]) -> ContractError:
    """The first error, which knows all of them."""
    first, more = errors[0], len(errors) - 1
    hint = f" `python -m etl feeds check FILE` shows {more} more." if more else ""
    return ContractError(first.cause, remedy=first.remedy + hint, problems=errors)


def each(calls: Iterable[Callable[[], _T]]) -> list[_T]:
    """The results of all calls.

    :raises ContractError: with the errors of all.
    """
    results, errors = [], list[ContractError]()
    for call in calls:
        try:
            results.append(call())
        except ContractError as error:
            errors += error.problems
    if errors:
        raise as_one(errors)
    return results


def together(calls: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The results of all calls, by name; see `each`."""
    return dict(zip(calls, each(calls.values()), strict=True))
