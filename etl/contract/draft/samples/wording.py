"""Numbers in sentences about a sample."""

from __future__ import annotations

from collections.abc import Mapping


def counted(number: int, singular: str) -> str:
    """`1 line`, `1,200 lines`, `2 summaries`."""
    plural = f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"
    return f"{number:,} {singular if number == 1 else plural}"


def notes(numbers: Mapping[tuple[str, str], int]) -> list[str]:
    """A sentence for each number that is not zero.

    :param numbers: what is counted, in the singular, and what is said about it.
    """
    return [f"{counted(number, noun)} {said}" for (noun, said), number in numbers.items() if number]
