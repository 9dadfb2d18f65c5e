"""Job 2: read what is new, from a topic with Spark or from a landing folder, and write part-CSVs, for a bounded time."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from py4j.protocol import Py4JJavaError

from etl import audit, broker, cluster, failpoints, files, landing, positions, spark_errors
from etl.audit import Counts, JobRun
from etl.broker import Topic
from etl.chunks import read_chunks
from etl.contract import Contract
from etl.database import transaction
from etl.errors import BalanceError, ConfigurationError
from etl.files import Batch, OffsetRange, Part, Source
from etl.halving import Halving, ranges
from etl.set_aside import LANDING_FILE, Failures
from etl.settings import Settings
from etl.spark import close_callbacks, kafka_options, spark_session
from etl.splitting import UNPARSABLE, split_messages
from etl.tables import grown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger("consume")

MESSAGES_PER_BATCH = 500_000
"""Micro-batches of 10,000 rows reach a sixth of the speed of large ones; beyond this, a batch only takes longer to repeat."""


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
    with audit.job(settings, contract, "consume", cycle_id, parameters) as run:
        output = files.feed_output(settings, contract.feed)
        output.mkdir(parents=True, exist_ok=True)
        if leftovers := files.remove_temporaries(output):
            log.info("half-written batches removed", names=leftovers)
        with transaction(run.engine) as connection:
            contract = grown(connection, contract)
        consumed = (_from_folder if contract.landing else _from_topic)(settings, contract, run, parameters)
        log.info("read", messages=consumed.counts.read, unparsable=consumed.counts.rejected, backlog=consumed.backlog)
        return consumed


def _from_folder(settings: Settings, contract: Contract, run: JobRun, parameters: Mapping[str, Any]) -> Consumed:
    failures = Failures(settings, run, contract.feed, LANDING_FILE)
    taken = landing.take(
        settings,
        contract,
        run.cycle_id,
        landing.Known(settings, contract, run.engine, failures.set_aside),
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


def _from_topic(settings: Settings, contract: Contract, run: JobRun, parameters: Mapping[str, Any]) -> Consumed:
    topic = broker.describe(settings, contract.topic)
    _retire_checkpoints(settings, contract, topic)
    with transaction(run.engine) as connection:
        following = positions.next_offsets(settings, connection, contract, topic)
        if parameters["accept_gap"] and (lost := positions.gaps(topic, following)):
            run.note(connection, {"lost_offsets": lost, "accepted_by": parameters["accept_gap"]})
            log.warning("lost messages accepted", by=parameters["accept_gap"], offsets=lost)
            following = {part: max(offset, topic.beginning.get(part, 0)) for part, offset in following.items()}
    positions.require_no_gap(topic, following)
    writer = _BatchWriter(settings, contract, topic, following, run.cycle_id)
    goes_on = parameters["until"] == "time_box"
    planned = _unfinished(settings, contract, topic)
    if positions.waits(topic, following, planned):
        log.warning("nothing is read until a transaction ends", open_transaction=topic.open_transactions)
    elif goes_on or positions.unread(topic, following) or planned:
        with spark_errors.explaining(settings):
            _read(settings, contract, topic, following, writer, parameters)
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


def _unfinished(settings: Settings, contract: Contract, topic: Topic) -> dict[int, int]:
    """Where a batch ends that Spark has begun and did not commit; empty where there is none."""
    folder = positions.checkpoint_folder(settings, contract.feed, topic.id)
    checkpoint = positions.read_checkpoint(folder, topic.name)
    return dict(checkpoint.planned_offsets) if checkpoint else {}


def _read(
    settings: Settings,
    contract: Contract,
    topic: Topic,
    following: Mapping[int, int],
    writer: _BatchWriter,
    parameters: Mapping[str, Any],
) -> None:
    """Run the streaming query until it has caught up or the time box is over."""
    spark = spark_session(settings)
    _require_shared(settings, contract, spark)
    # -2 is Kafka's "earliest". Spark looks at this only where it has no checkpoint.
    starting = {str(part): following.get(part, -2) for part in topic.end}
    stream = (
        spark.readStream.format("kafka")
        .options(**kafka_options(settings))
        .option("subscribe", topic.name)
        .option("startingOffsets", json.dumps({topic.name: starting}))
        .option("maxOffsetsPerTrigger", MESSAGES_PER_BATCH)
        .option("failOnDataLoss", str(not parameters["accept_gap"]).lower())
        .load()
    )
    folder = positions.checkpoint_folder(settings, contract.feed, topic.id)
    query_writer = (
        split_messages(stream, contract)
        .writeStream.option("checkpointLocation", files.hadoop_path(folder))
        .foreachBatch(writer)
    )
    catch_up = parameters["until"] == "caught_up"
    trigger: dict[str, Any] = (
        {"availableNow": True} if catch_up else {"processingTime": f"{parameters['batch_seconds']} seconds"}
    )
    query = query_writer.trigger(**trigger).start()
    writer.query_id = str(query.id)
    try:
        _await(query, writer, parameters["time_box_seconds"], first_batch_is_sure=catch_up)
    except BalanceError:
        # A machine may have lost the folder since, or an executor on another one have come.
        _require_shared(settings, contract, spark, anew=True)
        raise
    finally:
        close_callbacks(spark)


def _require_shared(settings: Settings, contract: Contract, spark: SparkSession, *, anew: bool = False) -> None:
    if cluster.is_cluster(settings):
        cluster.require_shared(settings, spark, files.feed_output(settings, contract.feed), anew=anew)


def _await(query: StreamingQuery, writer: _BatchWriter, seconds: float, *, first_batch_is_sure: bool) -> None:
    """Wait until the query has ended or the time is over, then stop it.

    The batch that is under way when time is over may end, unless it takes more than twice as long as any before it. Then it is
    given up, as is one that Spark begins meanwhile, and repeated next time. The first batch of a job is waited for without
    such a bound, until Spark has committed it, because a time box that is too short for one batch would never get anywhere.

    It asks now and then instead of waiting inside the JVM, where an interrupt would break Py4J's connection.
    """
    deadline = time.monotonic() + seconds
    last = None
    pause = threading.Event()
    try:
        while query.isActive:
            now = time.monotonic()
            if now >= deadline and (writer.has_got_on or not (first_batch_is_sure or writer.begun)):
                last = writer.begun if last is None else last
                if writer.is_through_with(last) or now >= deadline + 2 * writer.longest_seconds:
                    break
            pause.wait(0.05)
        writer.is_given_up = query.isActive
    finally:
        query.stop()
    writer.forget_uncommitted()
    error = writer.error or (None if writer.is_given_up else query.exception())
    if error is not None:
        raise error


class _BatchWriter:
    """Writes each micro-batch under a temporary name, checks it, and gives it its place with one rename."""

    def __init__(
        self, settings: Settings, contract: Contract, topic: Topic, following: Mapping[int, int], cycle_id: str
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.topic = topic
        self.cycle_id = cycle_id
        self.checkpoint = positions.checkpoint_folder(settings, contract.feed, topic.id)
        self.query_id = ""
        self.first: int | None = None
        """Number of the job's first batch."""
        self.following = following
        self.set_aside: dict[str, str] = {}
        """Messages on which Spark has failed twice, with the error."""
        self.written: list[Batch] = []
        self.error: BaseException | None = None
        self.begun = self.ended = 0
        """Batches, those without messages among them."""
        self.longest_seconds = 0.0
        self.is_given_up = False
        """The time box is over: an error of the batch under way only says that it was cancelled."""

    @property
    def has_got_on(self) -> bool:
        """Whether Spark has committed the job's first batch."""
        return self.first is not None and self._committed >= self.first

    @property
    def _committed(self) -> int:
        checkpoint = positions.read_checkpoint(self.checkpoint, self.topic.name)
        return checkpoint.committed if checkpoint else -1

    def is_through_with(self, number: int) -> bool:
        """Whether so many batches have ended, and Spark has committed what was written."""
        return self.ended >= number and all(positions.is_committed(self.settings, batch) for batch in self.written[-1:])

    def forget_uncommitted(self) -> None:
        """Leave a batch to the job that will write it again. Once the query has ended, its checkpoint says which one that is."""
        self.written = [batch for batch in self.written if positions.is_committed(self.settings, batch)]

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        self.begun += 1
        self.first = batch_id if self.first is None else self.first
        start = time.monotonic()
        try:
            self._write(rows, batch_id)
        except BaseException as error:
            # Py4J passes on only the text of an error; the job wants the error itself.
            if not self.is_given_up:
                self.error = error
            raise
        finally:
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - start)
            self.ended += 1

    def _write(self, rows: DataFrame, batch_id: int) -> None:
        from pyspark.errors import AnalysisException, PySparkException

        query_id = self.query_id or self._query_id()
        folder = files.feed_output(self.settings, self.contract.feed)
        temporary = folder / f"{files.TEMPORARY_PREFIX}{query_id}-{batch_id:06d}"
        try:
            told = self._write_parts(rows, temporary)
        except AnalysisException:
            raise
        except (PySparkException, Py4JJavaError) as error:
            if self.is_given_up or not spark_errors.is_unknown(self.settings, error):
                raise
            if not self._has_failed_before(f"{query_id}/{batch_id}"):
                raise
            told = self._write_parts(self._without_poison(rows.sparkSession, batch_id, error), temporary)
        if told["messages"] == 0:
            shutil.rmtree(temporary)
            return
        parts, found, messages = _take_stock(temporary)
        planned = positions.planned_offsets(self.checkpoint, self.topic.name, batch_id)
        # What follows the last message up to there has been read as well: it holds none.
        offsets = {part: replace(passed, next=planned[int(part)]) for part, passed in found.items()}
        batch = Batch(
            feed=self.contract.feed,
            cycle_id=self.cycle_id,
            query_id=query_id,
            batch_id=batch_id,
            source=Source("kafka", self.topic.name, self.topic.id),
            offsets=offsets,
            columns=self.contract.file_columns,
            paths=self.contract.paths,
            messages=told["messages"],
            rows=sum(part.rows for part in parts),
            unparsable=told["unparsable"],
            parts=tuple(parts),
            written_at=datetime.now(UTC).isoformat(),
        )
        _require_balance(batch, told, messages)
        files.write_json(temporary / files.MANIFEST, batch)
        files.replace_folder(temporary, folder / batch.name)
        failpoints.reached("consume.renamed")
        self.written.append(batch)
        log.info("batch written", batch=batch_id, messages=batch.messages, unparsable=batch.unparsable)
        failpoints.reached("consume.before_commit")

    def _write_parts(self, rows: DataFrame, temporary: Path) -> dict[str, Any]:
        """Write the rows as CSV files, and count them on the way."""
        from pyspark.sql import Observation
        from pyspark.sql import functions as F

        files.remove_folder(temporary)
        observed = Observation()
        counted = rows.observe(
            observed,
            F.count("*").alias("rows"),
            F.count_if(F.col("source_item") == "0").alias("messages"),
            F.count_if(F.col(UNPARSABLE)).alias("unparsable"),
        )
        counted.drop(UNPARSABLE).write.csv(
            files.hadoop_path(temporary),
            header=True,
            escape='"',
            emptyValue='""',
            nullValue="",
            ignoreLeadingWhiteSpace=False,
            ignoreTrailingWhiteSpace=False,
        )
        failpoints.reached("consume.parts_written")
        return dict(observed.get)

    def _has_failed_before(self, batch: str) -> bool:
        """Whether a batch has failed in an earlier job; else it is written down that it has now."""
        file = self.checkpoint.parent / ".failed-batch.json"
        if file.is_file() and files.read_json(file)["batch"] == batch:
            return True
        files.write_json(file, {"batch": batch})
        return False

    def _without_poison(self, spark: SparkSession, batch_id: int, error: Exception) -> DataFrame:
        ends = positions.planned_offsets(self.checkpoint, self.topic.name, batch_id)
        starts = {**self.topic.beginning, **self.following}
        if batch_id:
            starts |= positions.planned_offsets(self.checkpoint, self.topic.name, batch_id - 1)
        halving = Halving(self.settings, spark, self.contract, error)
        rows = halving.rows(ranges(starts, ends))
        self.set_aside |= halving.set_aside
        return rows

    def _query_id(self) -> str:
        """The query's id from the checkpoint: the first batch may come before `start()` has returned."""
        return str(json.loads((self.checkpoint / "metadata").read_text("utf-8"))["id"])


def _take_stock(folder: Path) -> tuple[list[Part], dict[str, OffsetRange], int]:
    """Name the part files plainly, count and hash what really stands in them, and force it to the disk.

    Returns the parts, the offsets, and the number of messages: every message has one row with item 0.
    """
    parts: list[Part] = []
    found: dict[str, OffsetRange] = {}
    messages = 0
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("part-") or path.suffix != ".csv":
            path.unlink() if path.is_file() else shutil.rmtree(path)
            continue
        part = path.rename(folder / f"part-{len(parts):05d}.csv")
        rows = 0
        for chunk in read_chunks(part, ("source_partition", "source_offset", "source_item")):
            rows += chunk.num_rows
            messages += pc.sum(pc.equal(chunk.column("source_item"), "0")).as_py() or 0
            _add_ranges(found, chunk)
        files.sync_file(part)
        parts.append(Part(part.name, rows, part.stat().st_size, files.sha256(part)))
    return parts, dict(sorted(found.items(), key=lambda item: int(item[0]))), messages


def _add_ranges(found: dict[str, OffsetRange], chunk: pa.RecordBatch) -> None:
    offsets = chunk.column("source_offset").cast(pa.int64())
    table = pa.table({"partition": chunk.column("source_partition"), "offset": offsets})
    summary = table.group_by("partition").aggregate([("offset", "min"), ("offset", "max"), ("offset", "count")])
    for row in summary.to_pylist():
        first, last, rows = row["offset_min"], row["offset_max"], row["offset_count"]
        known = found.get(row["partition"], OffsetRange(first, last + 1, 0))
        found[row["partition"]] = OffsetRange(min(known.first, first), max(known.next, last + 1), known.rows + rows)


def _require_balance(batch: Batch, told: Mapping[str, int], messages: int) -> None:
    """Refuse a batch whose files do not hold what Spark counted on the way."""
    if (batch.rows, messages) != (told["rows"], told["messages"]):
        raise BalanceError(
            f"Batch {batch.batch_id}: Spark counted {told['messages']} messages and {told['rows']} rows, its files hold"
            f" {messages} and {batch.rows}.",
            remedy="Run again: the batch is written anew from the same offsets.",
        )
    span = sum(offsets.next - offsets.first for offsets in batch.offsets.values())
    if messages > span:
        raise BalanceError(
            f"Batch {batch.batch_id}: {messages} messages between offsets that are {span} apart.",
            remedy="Run again: the batch is written anew from the same offsets.",
        )
