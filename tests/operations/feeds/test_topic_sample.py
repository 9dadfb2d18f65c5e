"""The part of a topic that is read for a sample."""

from __future__ import annotations

import pytest

from etl.operations.feeds.topic_sample import _starts
from etl.storage.kafka import Topic


@pytest.mark.parametrize(
    ("beginning", "end", "messages", "starts"),
    [
        ({0: 0}, {0: 10}, 4, {0: 6}),
        ({0: 8}, {0: 10}, 4, {0: 8}),
        ({0: 0, 1: 0}, {0: 10, 1: 10}, 4, {0: 8, 1: 8}),
        ({0: 0, 1: 9, 2: 5}, {0: 10, 1: 10, 2: 5}, 7, {0: 4, 1: 9}),
        ({0: 0, 1: 0, 2: 0}, {0: 9, 1: 9, 2: 9}, 2, {0: 8, 1: 8}),
    ],
)
def test_partitions_share_the_messages(
    beginning: dict[int, int], end: dict[int, int], messages: int, starts: dict[int, int]
) -> None:
    found = _starts(Topic("t", "id", beginning, end), messages)
    assert {part.partition: start for part, start in found.items()} == starts
