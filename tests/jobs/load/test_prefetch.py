"""One item ahead, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from etl.jobs.load.prefetch import prefetch


def test_the_next_item_is_made_while_one_is_used_and_no_further_one() -> None:
    made: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    found = prefetch(items())
    assert next(found) == 0
    assert next(found) == 1
    assert third.wait(30), "it is made without being asked for"
    assert made == [0, 1, 2]
    assert list(found) == [2, 3, 4]


def test_an_error_comes_in_its_place_and_the_thread_ends() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("second")

    found = prefetch(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="second"):
        next(found)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_giving_up_ends_the_thread() -> None:
    found = prefetch(iter(range(5)))
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
