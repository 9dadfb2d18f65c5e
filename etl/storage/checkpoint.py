"""Spark's checkpoint of a topic: which batches it has planned, and which it has committed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etl.errors import IntegrityError
from etl.settings import Settings
from etl.storage.manifests import Batch


@dataclass(frozen=True)
class Checkpoint:
    """The state of a Spark checkpoint."""

    query_id: str
    committed: int
    """Number of the last committed batch; -1 before the first."""
    planned: int
    """Number of the last batch that was started; larger than `committed` after a crash."""
    offsets: Mapping[int, int]
    """Per partition, the offset after the last committed batch."""
    planned_offsets: Mapping[int, int] = field(default_factory=dict)
    """The offset after a batch that was started and not committed; empty if there is none."""


def checkpoint_folder(settings: Settings, feed: str, topic_id: str) -> Path:
    return settings.checkpoint / feed / topic_id


def read_checkpoint(folder: Path, topic: str) -> Checkpoint | None:
    """A checkpoint, or None if there is none (never started, or deleted).

    :raises IntegrityError: it exists but cannot be read.
    """
    metadata = folder / "metadata"
    if not metadata.is_file():
        return None
    try:
        query_id = json.loads(metadata.read_text("utf-8"))["id"]
        committed, planned = _last_number(folder / "commits"), _last_number(folder / "offsets")
        offsets = _offsets(folder / "offsets" / str(committed), topic) if committed >= 0 else {}
        under_way = _offsets(folder / "offsets" / str(planned), topic) if planned > committed else {}
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise IntegrityError(
            f"Spark's checkpoint {folder.parent.name}/{folder.name} cannot be read ({type(error).__name__}: {error}).",
            remedy="Move that folder away: reading then continues from the manifests and the ledger, and nothing is lost.",
        ) from None
    return Checkpoint(query_id, committed, planned, offsets, under_way)


def is_committed(settings: Settings, batch: Batch) -> bool:
    """Whether Spark will never write this batch again: it is committed, or its checkpoint is gone."""
    checkpoint = read_checkpoint(checkpoint_folder(settings, batch.feed, batch.source.identity), batch.source.name)
    return checkpoint is None or checkpoint.query_id != batch.query_id or batch.batch_id <= checkpoint.committed


def planned_offsets(folder: Path, topic: str, batch_id: int) -> dict[int, int]:
    """Per partition, the offset after a batch that Spark has started."""
    return _offsets(folder / "offsets" / str(batch_id), topic)


def _last_number(folder: Path) -> int:
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
    return max(numbers, default=-1)


def _offsets(file: Path, topic: str) -> dict[int, int]:
    # Line 1 is the format's version, line 2 the batch's metadata, line 3 the only source's offsets.
    offsets = json.loads(file.read_text("utf-8").splitlines()[2])
    return {int(partition): offset for partition, offset in offsets[topic].items()}
