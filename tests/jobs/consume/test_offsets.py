from __future__ import annotations

import pytest

from etl.errors import RetentionGap
from etl.jobs.consume.offsets import require_no_gap, unread
from etl.storage.kafka import Topic

TOPIC = Topic("t", "id", beginning={0: 10, 1: 0}, end={0: 30, 1: 5})


def test_deleted_messages_that_were_not_read_are_a_gap() -> None:
    require_no_gap(TOPIC, {0: 10, 1: 0})
    with pytest.raises(RetentionGap, match=r"partition 0: offsets 7 to 9 \(3 messages\)"):
        require_no_gap(TOPIC, {0: 7, 1: 0})


def test_unread_messages_are_counted_from_the_position_or_the_beginning() -> None:
    assert unread(TOPIC, {0: 25}) == 5 + 5
    assert unread(TOPIC, {}) == 20 + 5
    assert unread(TOPIC, {0: 30, 1: 5}) == 0
