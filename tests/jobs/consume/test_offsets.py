from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.errors import IntegrityError, RetentionGap
from etl.jobs.consume.offsets import require_no_gap, unread
from etl.storage.checkpoint import read_checkpoint
from etl.storage.kafka import Topic

TOPIC = Topic("t", "id", beginning={0: 10, 1: 0}, end={0: 30, 1: 5})


def spark_checkpoint(folder: Path, *, committed: int, planned: int) -> Path:
    (folder / "offsets").mkdir(parents=True)
    (folder / "commits").mkdir()
    (folder / "metadata").write_text('{"id":"query"}')
    for batch in range(planned + 1):
        (folder / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{json.dumps({'t': {'0': 100 * (batch + 1)}})}")
    for batch in range(committed + 1):
        (folder / "commits" / str(batch)).write_text("v1\n{}")
    return folder


def test_a_checkpoint_tells_the_offsets_of_its_last_committed_batch(tmp_path: Path) -> None:
    found = read_checkpoint(spark_checkpoint(tmp_path / "c", committed=1, planned=2), "t")
    assert found is not None
    assert (found.query_id, found.committed, found.planned, found.offsets) == ("query", 1, 2, {0: 200})


def test_no_checkpoint_is_none_and_one_without_commits_has_no_offsets(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path, "t") is None
    found = read_checkpoint(spark_checkpoint(tmp_path / "c", committed=-1, planned=0), "t")
    assert found is not None
    assert found.offsets == {}


@pytest.mark.parametrize("damaged", ["metadata", "offsets/1"])
def test_a_corrupt_checkpoint_is_named_with_the_remedy(tmp_path: Path, damaged: str) -> None:
    folder = spark_checkpoint(tmp_path / "feed" / "id", committed=1, planned=1)
    (folder / damaged).write_text("rubbish")
    with pytest.raises(IntegrityError, match="feed/id cannot be read") as raised:
        read_checkpoint(folder, "t")
    assert "Move that folder away" in raised.value.remedy


def test_deleted_messages_that_were_not_read_are_a_gap() -> None:
    require_no_gap(TOPIC, {0: 10, 1: 0})
    with pytest.raises(RetentionGap, match=r"partition 0: offsets 7 to 9 \(3 messages\)"):
        require_no_gap(TOPIC, {0: 7, 1: 0})


def test_unread_messages_are_counted_from_the_position_or_the_beginning() -> None:
    assert unread(TOPIC, {0: 25}) == 5 + 5
    assert unread(TOPIC, {}) == 20 + 5
    assert unread(TOPIC, {0: 30, 1: 5}) == 0
