"""Read the new messages of a Kafka topic with Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from etl.audit.job import JobRun
from etl.audit.retry import retrying
from etl.contract.model import EvolvedContract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database import transaction
from etl.jobs.consume import offsets
from etl.jobs.consume.consumed import Consumed, count
from etl.jobs.consume.spark import errors as spark_errors
from etl.jobs.consume.spark.batch_writer import BatchWriter
from etl.jobs.consume.spark.query import read_topic, unfinished_batch
from etl.settings import Settings
from etl.storage import kafka as broker
from etl.storage.kafka import Topic
from etl.storage.schema_registry import SchemaRegistry

log = structlog.get_logger("consume")


def read_new_messages(
    settings: Settings, contract: EvolvedContract, source: KafkaTopic, run: JobRun, parameters: Mapping[str, Any]
) -> Consumed:
    """Read from where the last job stopped, until the topic's end at the start of the job or until the time box is over.

    :raises TopicMissing: the topic does not exist.
    :raises RetentionGap: Kafka deleted messages that were not read, and nobody accepted that.
    :raises ServiceUnavailable: the schema registry of a feed that needs it does not answer.
    """
    topic = broker.describe(settings, source.topic)
    _retire_checkpoints(settings, contract, topic)
    following = _next_offsets(settings, contract, run, topic, parameters["accept_gap"])
    writer = BatchWriter(settings, contract, topic, following, run.cycle_id)
    planned = unfinished_batch(settings, contract, topic)
    if offsets.waits(topic, following, planned):
        log.warning("nothing is read until a transaction ends", open_transaction=topic.open_transactions)
    elif parameters["until"] == "time_box" or offsets.unread(topic, following) or planned:
        if source.format.needs_registry:
            retrying(settings, "asking the schema registry", SchemaRegistry.of(settings).require)
        with spark_errors.translated(settings):
            read_topic(settings, contract, topic, following, writer, parameters)
    run.counts = count(writer.written)
    after = offsets.reached(settings, contract, topic, following)
    end = broker.describe(settings, source.topic)
    notes = {
        "offsets_without_message": offsets.without_message(topic, following, after, run.counts.read),
        "open_transaction": end.open_transactions,
        "set_aside": writer.set_aside,
    }
    notes = {name: value for name, value in notes.items() if value}
    with transaction(run.engine) as connection:
        run.note(connection, notes)
    return Consumed(run.cycle_id, run.counts, tuple(writer.written), offsets.unread(end, after), notes)


def _next_offsets(
    settings: Settings, contract: EvolvedContract, run: JobRun, topic: Topic, accepted_by: str
) -> Mapping[int, int]:
    """The offset to read next, per partition. A gap that somebody has accepted is skipped and noted.

    :raises RetentionGap: there is a gap that nobody has accepted.
    """
    with transaction(run.engine) as connection:
        following = offsets.next_offsets(settings, connection, contract, topic)
        if accepted_by and (lost := offsets.gaps(topic, following)):
            run.note(connection, {"lost_offsets": lost, "accepted_by": accepted_by})
            log.warning("lost messages accepted", by=accepted_by, offsets=lost)
            following = {part: max(offset, topic.beginning.get(part, 0)) for part, offset in following.items()}
    offsets.require_no_gap(topic, following)
    return following


def _retire_checkpoints(settings: Settings, contract: EvolvedContract, topic: Topic) -> None:
    """Set the checkpoints of deleted topics of this name aside: they are never used again."""
    folder = settings.checkpoint / contract.feed
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name != topic.id and not path.name.startswith("."):
            path.rename(path.with_name(f".retired-{path.name}"))
            log.warning(
                "the topic was created again; its old checkpoint is set aside", topic=topic.name, old_id=path.name
            )
