"""Prefetching: the next item is prepared while the current one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_END = object()


def prefetch(items: Iterator[_T]) -> Iterator[_T]:
    """The items of an iterator, in its order; while one is being used the next is made, in a thread.

    At most two items exist at a time. An error of the iterator is raised where its item would have come.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        following = pool.submit(next, items, _END)
        while (item := following.result()) is not _END:
            following = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
