"""Job 2: read what is new, from a topic with Spark or from a landing folder, and write part-CSVs, for a bounded time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from etl.audit.counts import Counts
from etl.audit.job import JobRun, job_run
from etl.audit.set_aside import LANDING_FILE, Failures
from etl.audit.states import Job
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import transaction
from etl.errors import ConfigurationError
from etl.jobs.consume import landing, seen_files
from etl.jobs.consume import offsets as positions
from etl.jobs.consume.spark import errors as spark_errors
from etl.jobs.consume.spark.batch_writer import BatchWriter
from etl.jobs.consume.spark.query import read_topic, unfinished_batch
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage import kafka as broker
from etl.storage.kafka import Topic
from etl.storage.manifests import Batch

if TYPE_CHECKING:
    pass

log = structlog.get_logger("consume")


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


def consume(
    settings: Settings,
    contract: Contract,
    *,
    cycle_id: str = "",
    time_box_seconds: float = 120.0,
    until: str = "caught_up",
    batch_seconds: float = 5.0,
    accept_gap: str = "",
) -> Consumed:
    """Read what the topic or the landing folder holds since the last time, as batches under `output/<feed>/`.

    A batch of messages that was begun before a crash is written again with the same offsets, and takes its own place. Files
    that a crash left in the middle are read again.

    :param time_box_seconds: time to read; a batch that is under way at its end may go on, up to twice as long as any before it.
    :param until: `caught_up`: stop when what the topic held at the start is read; `time_box`: read on until the time is over.
    :param batch_seconds: time between micro-batches with `time_box`.
    :param accept_gap: who accepts that messages which Kafka deleted before they were read are lost; recorded with them in
        `etl_log.parameters`. Empty: such a gap is an error.
    :raises TopicMissing: the topic does not exist.
    :raises RetentionGap: Kafka deleted messages that were not read.
    :raises StorageError: a Spark cluster's machines do not share `output/`.
    :raises BalanceError: what stands in the files is not what Spark says it wrote.
    """
    if until not in ("caught_up", "time_box"):
        raise ConfigurationError(f"until is {until!r}.", remedy="Use caught_up or time_box.")
    if time_box_seconds <= 0 or batch_seconds <= 0:
        raise ConfigurationError("A time box and its batches need more than 0 seconds.", remedy="Mend the parameters.")
    parameters: dict[str, Any] = {
        "time_box_seconds": time_box_seconds,
        "until": until,
        "batch_seconds": batch_seconds,
        "accept_gap": accept_gap,
    }
    with job_run(settings, contract, Job.CONSUME, cycle_id, parameters) as run:
        output = manifests.feed_output(settings, contract.feed)
        output.mkdir(parents=True, exist_ok=True)
        if leftovers := files.remove_temporaries(output):
            log.info("half-written batches removed", names=leftovers)
        consumed = (_from_folder if contract.landing else _from_topic)(settings, run.contract, run, parameters)
        log.info("read", messages=consumed.counts.read, unparsable=consumed.counts.rejected, backlog=consumed.backlog)
        return consumed


def _from_folder(settings: Settings, contract: EvolvedContract, run: JobRun, parameters: Mapping[str, Any]) -> Consumed:
    failures = Failures(settings, run, contract.feed, LANDING_FILE)
    taken = landing.take(
        settings,
        contract,
        run.cycle_id,
        seen_files.Known(settings, contract, run.engine, failures.set_aside),
        failures,
        seconds=parameters["time_box_seconds"],
        watch_on=parameters["until"] == "time_box",
        pause_seconds=parameters["batch_seconds"],
    )
    run.counts = _counted(taken.batches)
    with transaction(run.engine) as connection:
        run.note(connection, landing.notes(taken))
        run.record(connection, run.counts)
    if taken.failed and not failures.goes_on:
        # What the others became is whole; the next merge takes it.
        raise taken.failed[0]
    failures.settle()
    return Consumed(run.cycle_id, run.counts, tuple(taken.batches), len(taken.growing), landing.notes(taken))


def _from_topic(settings: Settings, contract: EvolvedContract, run: JobRun, parameters: Mapping[str, Any]) -> Consumed:
    topic = broker.describe(settings, contract.topic)
    _retire_checkpoints(settings, contract, topic)
    with transaction(run.engine) as connection:
        following = positions.next_offsets(settings, connection, contract, topic)
        if parameters["accept_gap"] and (lost := positions.gaps(topic, following)):
            run.note(connection, {"lost_offsets": lost, "accepted_by": parameters["accept_gap"]})
            log.warning("lost messages accepted", by=parameters["accept_gap"], offsets=lost)
            following = {part: max(offset, topic.beginning.get(part, 0)) for part, offset in following.items()}
    positions.require_no_gap(topic, following)
    writer = BatchWriter(settings, contract, topic, following, run.cycle_id)
    goes_on = parameters["until"] == "time_box"
    planned = unfinished_batch(settings, contract, topic)
    if positions.waits(topic, following, planned):
        log.warning("nothing is read until a transaction ends", open_transaction=topic.open_transactions)
    elif goes_on or positions.unread(topic, following) or planned:
        with spark_errors.explaining(settings):
            read_topic(settings, contract, topic, following, writer, parameters)
    run.counts = _counted(writer.written)
    after = positions.reached(settings, contract, topic, following)
    end = broker.describe(settings, contract.topic)
    notes = {
        "offsets_without_message": positions.without_message(topic, following, after, run.counts.read),
        "open_transaction": end.open_transactions,
        "set_aside": writer.set_aside,
    }
    notes = {name: value for name, value in notes.items() if value}
    with transaction(run.engine) as connection:
        run.note(connection, notes)
    return Consumed(run.cycle_id, run.counts, tuple(writer.written), positions.unread(end, after), notes)


def _counted(batches: Iterable[Batch]) -> Counts:
    return sum((Counts(b.messages, b.messages - b.unparsable, b.unparsable) for b in batches), Counts())


def _retire_checkpoints(settings: Settings, contract: Contract, topic: Topic) -> None:
    """Set aside checkpoints of topics of this name that exist no more: nothing will ever be read with them again."""
    folder = settings.checkpoint / contract.feed
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name != topic.id and not path.name.startswith("."):
            path.rename(path.with_name(f".retired-{path.name}"))
            log.warning("the topic was made anew; its old checkpoint is set aside", topic=topic.name, old_id=path.name)
