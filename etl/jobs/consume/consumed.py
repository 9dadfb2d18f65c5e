"""What a consume job has read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from etl.audit.counts import Counts
from etl.storage.manifests import Batch


@dataclass(frozen=True)
class Consumed:
    """What was read. `counts`: read = messages or records, processed = those that could be split, rejected = the others."""

    cycle_id: str
    counts: Counts
    batches: tuple[Batch, ...]
    backlog: int
    """Messages that waited when the job ended, or files that were still being written."""
    notes: Mapping[str, object] = field(default_factory=dict)
    """Of a landing folder: which files were taken, and what became of the others. Of a topic: `offsets_without_message`, and
    `open_transaction` with the number of offsets per partition that wait for its end."""


def count(batches: Iterable[Batch]) -> Counts:
    """The messages or records of all batches."""
    return sum((Counts(b.messages, b.messages - b.unparsable, b.unparsable) for b in batches), Counts())
