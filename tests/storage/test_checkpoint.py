from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.errors import IntegrityError
from etl.storage.checkpoint import read_checkpoint


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
