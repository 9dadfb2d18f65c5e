"""Messages that hold no reading by what they say themselves: no contract makes one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from etl.contract.model import ROOT, Contract
from etl.validation.structure import Path
from etl.validation.texts import decode_raw

_NOT_THERE = object()
"""Where a key is missing: the contract may look for it in a wrong place."""


def says_that_it_has_none(raw: str, item: int, contract: Contract) -> bool:
    """Whether a message says that it has no reading in this place, rather than having it elsewhere.

    That is so where the object around the reading, or the array of readings, is in the message but null, or an empty array: in a
    delete of Debezium, `after` is null.

    :param raw: the message as the quarantine keeps it; False where this is cut off.
    """
    try:
        message = json.loads(decode_raw(raw) or b"")
    except (ValueError, RecursionError):
        return False
    message = {ROOT: message} if contract.explodes_root else message
    if contract.envelope and _follow(message, contract.envelope) is None:
        return True
    places = list(_places(message, contract.explode)) if contract.explode else []
    return item < len(places) and places[item] in (None, [])


def _places(value: Any, explode: Sequence[Path]) -> Iterator[Any]:
    """What is in the place of each reading; of one whose array has no elements, what is in the array's place."""
    if not explode:
        yield value
        return
    array = _follow(value, explode[0])
    if not isinstance(array, list) or not array:
        yield array
        return
    for element in array:
        yield from _places(element, explode[1:])


def _follow(value: Any, path: Path) -> Any:
    """What is at a path; None also where an object around it is null."""
    for key in path:
        if value is None:
            return None
        if not isinstance(value, dict) or key not in value:
            return _NOT_THERE
        value = value[key]
    return value
