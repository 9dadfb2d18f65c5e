"""How far a topic has been read, by Spark's checkpoint or, when that is gone, by manifests and the ledger.

A checkpoint is in `checkpoint/<feed>/<topic id>/`. A topic that was deleted and created again has another id, and so another
checkpoint. Spark's files in it are documented in "Structured Streaming: Recovery Semantics"
(offsets/<batch> is written before a batch, commits/<batch> after it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sqlalchemy import Connection

from etl.audit import ledger
from etl.contract.reader import Contract
from etl.errors import BalanceError, IntegrityError, RetentionGap
from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import archive_files
from etl.storage.checkpoint import Checkpoint, checkpoint_folder, read_checkpoint
from etl.storage.kafka import Topic
from etl.storage.manifests import OffsetRange


def next_offsets(settings: Settings, connection: Connection, contract: Contract, topic: Topic) -> dict[int, int]:
    """The offset to read next, per partition that was ever read.

    Without a checkpoint it is the highest that batches, archives and the ledger know of the topic with this id.
    """
    checkpoint = read_checkpoint(checkpoint_folder(settings, contract.feed, topic.id), topic.name)
    if checkpoint is not None and checkpoint.committed >= 0:
        return dict(checkpoint.offsets)
    highest: dict[int, int] = {}
    _advance(highest, _from_batches(settings, contract, topic, checkpoint))
    _advance(highest, _from_archives(settings, contract, topic))
    _advance(highest, ledger.offset_ranges(connection, contract.feed, topic.id))
    return highest


def reached(settings: Settings, contract: Contract, topic: Topic, before: Mapping[int, int]) -> dict[int, int]:
    """The offset to read next after a job that began at `before`: what Spark has committed, with or without messages."""
    checkpoint = read_checkpoint(checkpoint_folder(settings, contract.feed, topic.id), topic.name)
    return {**before, **checkpoint.offsets} if checkpoint else dict(before)


def waits(topic: Topic, following: Mapping[int, int], planned: Mapping[int, int]) -> bool:
    """Whether an offset to read next is inside an open transaction: earlier versions did not wait for a transaction's end.

    Spark must not be started then: it would plan a batch that ends before it begins, and refuse it in every later job.
    """
    ends = {part: (topic.end.get(part, 0), topic.high_watermark.get(part, 0)) for part in {*following, *planned}}
    furthest = {part: max(following.get(part, 0), planned.get(part, 0)) for part in ends}
    return any(end < furthest[part] <= written for part, (end, written) in ends.items())


def without_message(topic: Topic, before: Mapping[int, int], after: Mapping[int, int], messages: int) -> int:
    """How many of the offsets between `before` and `after` have no message that can be read.

    These are messages of aborted transactions, Kafka's transaction markers, and messages that compaction removed.

    :raises BalanceError: there were more messages than offsets.
    """
    starts = {part: max(before.get(part, 0), topic.beginning.get(part, 0)) for part in after}
    passed = sum(max(0, offset - starts[part]) for part, offset in after.items())
    if messages > passed:
        raise BalanceError(
            f"Topic {topic.name}: {messages} messages were read, but the offsets advanced by only {passed}.",
            remedy="This is a defect: keep checkpoint/ and output/ unchanged and report it.",
        )
    return passed - messages


def gaps(topic: Topic, following: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Per partition, the first and last offset of messages that Kafka deleted before they were read."""
    beginnings = {partition: topic.beginning.get(partition, 0) for partition in following}
    return {
        part: (offset, beginnings[part] - 1) for part, offset in sorted(following.items()) if offset < beginnings[part]
    }


def require_no_gap(topic: Topic, following: Mapping[int, int]) -> None:
    """:raises RetentionGap: Kafka has deleted messages that were not read; with partition and offsets."""
    for partition, (first, last) in gaps(topic, following).items():
        raise RetentionGap(
            f"Topic {topic.name}, partition {partition}: offsets {first} to {last} ({last - first + 1} messages) were deleted"
            " by Kafka's retention before they were read.",
            remedy="To go on without them: `run --accept-gap`, which records who accepted it. To avoid it: a longer retention,"
            " or more frequent cycles.",
        )


def unread(topic: Topic, following: Mapping[int, int]) -> int:
    """How many offsets wait to be read: messages, and the offsets without a message between them."""
    return sum(
        max(0, end - max(following.get(part, 0), topic.beginning.get(part, 0))) for part, end in topic.end.items()
    )


def _advance(highest: dict[int, int], ranges: Iterable[Mapping[str, OffsetRange]]) -> None:
    for offsets in ranges:
        for partition, offset_range in offsets.items():
            highest[int(partition)] = max(highest.get(int(partition), 0), offset_range.next)


def _from_batches(
    settings: Settings, contract: Contract, topic: Topic, checkpoint: Checkpoint | None
) -> list[Mapping[str, OffsetRange]]:
    batches = manifests.taken_batches(settings, contract.feed)
    # A batch of this checkpoint is not committed, so Spark writes it again.
    rewritten = checkpoint.query_id if checkpoint else None
    return [batch.offsets for batch in batches if batch.source.identity == topic.id and batch.query_id != rewritten]


def _from_archives(settings: Settings, contract: Contract, topic: Topic) -> Iterable[Mapping[str, OffsetRange]]:
    for file in archive_files(manifests.feed_backup(settings, contract.feed)):
        # Messages of a damaged archive may be read again: their rows have the same coordinates and count as duplicates.
        with suppress(IntegrityError):
            archive = file.read_manifest()
            if archive.source.identity == topic.id:
                yield archive.offsets
