r"""Job 2: read the feed's topic with Spark Structured Streaming and write part-CSVs, for a bounded time.

Spark splits JSON into text columns and judges nothing: types and rules are the loader's business. A message that it cannot
split, or that looks wrong at a glance, keeps its own text in the column `raw`:

* the text as it came, where it is UTF-8 without NUL and does not begin with a backslash;
* else `\\x` and the hexadecimal digits of its bytes, as PostgreSQL prints `bytea`;
* `\\null` for a null value (a tombstone).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog

from etl import audit, broker, failpoints, files, positions
from etl.audit import Counts
from etl.broker import Topic
from etl.contract import Column, Contract, EventTime
from etl.database import transaction
from etl.errors import BalanceError, ConfigurationError, PermanentError, SetupError
from etl.files import Batch, OffsetRange, Part, Source
from etl.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger("consume")

MESSAGES_PER_BATCH = 200_000
"""Micro-batches of 10,000 rows reach a sixth of the speed of large ones; more than this only costs memory."""


@dataclass(frozen=True)
class Consumed:
    """What was read. `counts`: read = messages, processed = those that Spark could split, rejected = unparsable ones."""

    cycle_id: str
    counts: Counts
    batches: tuple[Batch, ...]
    backlog: int
    """Messages that waited when the job ended."""


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
    """Read what the topic holds since the last time, as micro-batches under `output/<feed>/`.

    A batch that was begun before a crash is written again with the same offsets, and takes its own place.

    :param time_box_seconds: longest time to read.
    :param until: `caught_up`: stop when what the topic held at the start is read; `time_box`: read on until the time is over.
    :param batch_seconds: time between micro-batches with `time_box`.
    :param accept_gap: who accepts that messages which Kafka deleted before they were read are lost; recorded with them in
        `etl_log.parameters`. Empty: such a gap is an error.
    :raises TopicMissing: the topic does not exist.
    :raises RetentionGap: Kafka deleted messages that were not read.
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
        topic = broker.describe(settings, contract.topic)
        output = files.feed_output(settings, contract.feed)
        output.mkdir(parents=True, exist_ok=True)
        if leftovers := files.remove_temporaries(output):
            log.info("half-written batches removed", names=leftovers)
        _retire_checkpoints(settings, contract, topic)
        with transaction(run.engine) as connection:
            following = positions.next_offsets(settings, connection, contract, topic)
            if accept_gap and (lost := positions.gaps(topic, following)):
                run.note(connection, {**parameters, "lost_offsets": lost})
                log.warning("lost messages accepted", by=accept_gap, offsets=lost)
                following = {part: max(offset, topic.beginning.get(part, 0)) for part, offset in following.items()}
        positions.require_no_gap(topic, following)
        writer = _BatchWriter(settings, contract, topic, run.cycle_id)
        if until == "time_box" or positions.unread(topic, following) or _unfinished(settings, contract, topic):
            _read(settings, contract, topic, following, writer, parameters)
        run.counts = writer.counts
        end = broker.describe(settings, contract.topic)
        backlog = positions.unread(end, {**following, **writer.next_offsets})
        log.info("read", messages=run.counts.read, unparsable=run.counts.rejected, backlog=backlog)
        return Consumed(run.cycle_id, run.counts, tuple(writer.written), backlog)


def spark_session(settings: Settings) -> SparkSession:
    """The process's Spark session, made at the first call and kept for the next job.

    :raises SetupError: Spark's JVM does not start.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("notebook-etl").master(settings.spark_master)
    for name, value in _spark_configuration(settings).items():
        builder = builder.config(name, value)
    try:
        with _stderr_to(settings.services / "spark.log"):
            return builder.getOrCreate()
    except PySparkException as error:
        raise SetupError(
            f"Spark did not start: {str(error).strip().splitlines()[0]}",
            remedy="It needs Java 17 or 21; `python -m etl doctor` shows which one is found. Spark's log: .services/spark.log",
        ) from error


@contextmanager
def _stderr_to(log_file: Path) -> Iterator[None]:
    """Let a child process that is started now write its warnings to a file instead of into the notebook."""
    sys.stderr.flush()
    kept = os.dup(2)
    with log_file.open("ab") as handle:
        os.dup2(handle.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _spark_configuration(settings: Settings) -> dict[str, str]:
    jars = ":".join(str(jar) for jar in sorted((settings.jars_folder / "spark").glob("*.jar")))
    if not jars:
        raise SetupError("Spark's Kafka connector is missing.", remedy="Fetch it with `python -m etl up`.")
    return {
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_log_configuration(settings).as_uri()}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "10",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }


def _log_configuration(settings: Settings) -> Path:
    """Spark's messages go to a file: in a notebook they would bury what the reader looks for."""
    file = settings.services / "spark-log4j2.properties"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_file = (settings.services / "spark.log").as_posix()
    file.write_text(
        "status=error\nappender.file.type=RollingFile\nappender.file.name=file\n"
        f"appender.file.fileName={log_file}\nappender.file.filePattern={log_file}.%i\n"
        "appender.file.layout.type=PatternLayout\n"
        "appender.file.layout.pattern=%d{yyyy-MM-dd HH:mm:ss} %-5p %c{1} - %m%n%ex\n"
        "appender.file.policies.type=Policies\nappender.file.policies.size.type=SizeBasedTriggeringPolicy\n"
        "appender.file.policies.size.size=10MB\nappender.file.strategy.type=DefaultRolloverStrategy\n"
        "appender.file.strategy.max=2\nrootLogger.level=warn\nrootLogger.appenderRef.file.ref=file\n",
        "utf-8",
    )
    return file


def _retire_checkpoints(settings: Settings, contract: Contract, topic: Topic) -> None:
    """Set aside checkpoints of topics of this name that exist no more: nothing will ever be read with them again."""
    folder = settings.checkpoint / contract.feed
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name != topic.id and not path.name.startswith("."):
            path.rename(path.with_name(f".retired-{path.name}"))
            log.warning("the topic was made anew; its old checkpoint is set aside", topic=topic.name, old_id=path.name)


def _unfinished(settings: Settings, contract: Contract, topic: Topic) -> bool:
    """Whether Spark has begun a batch that it did not commit."""
    folder = positions.checkpoint_folder(settings, contract.feed, topic.id)
    checkpoint = positions.read_checkpoint(folder, topic.name)
    return checkpoint is not None and checkpoint.planned > checkpoint.committed


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
    # -2 is Kafka's "earliest". Spark looks at this only where it has no checkpoint.
    starting = {str(part): following.get(part, -2) for part in topic.end}
    stream = (
        spark.readStream.format("kafka")
        .options(**_kafka_options(settings))
        .option("subscribe", topic.name)
        .option("startingOffsets", json.dumps({topic.name: starting}))
        .option("maxOffsetsPerTrigger", MESSAGES_PER_BATCH)
        .option("failOnDataLoss", str(not parameters["accept_gap"]).lower())
        .load()
    )
    folder = positions.checkpoint_folder(settings, contract.feed, topic.id)
    query_writer = (
        split_messages(stream, contract).writeStream.option("checkpointLocation", folder.as_uri()).foreachBatch(writer)
    )
    catch_up = parameters["until"] == "caught_up"
    trigger: dict[str, Any] = (
        {"availableNow": True} if catch_up else {"processingTime": f"{parameters['batch_seconds']} seconds"}
    )
    query = query_writer.trigger(**trigger).start()
    writer.query_id = str(query.id)
    _await(query, writer, parameters["time_box_seconds"], first_batch_is_sure=catch_up)


def _await(query: StreamingQuery, writer: _BatchWriter, seconds: float, *, first_batch_is_sure: bool) -> None:
    """Wait until the query has ended or the time is over, then stop it.

    The batch that is under way when time is over is given up; Spark repeats it next time. Only the first batch of a job is
    waited for, because a time box that is too short for one batch would never get anywhere.

    It asks now and then instead of waiting inside the JVM, where an interrupt would break Py4J's connection.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    try:
        while query.isActive:
            first_is_under_way = not writer.written and (first_batch_is_sure or writer.is_writing)
            if time.monotonic() >= deadline and not first_is_under_way:
                break
            pause.wait(0.05)
        writer.is_given_up = query.isActive
    finally:
        query.stop()
    if writer.error is not None:
        raise writer.error
    if not writer.is_given_up and (error := query.exception()):
        raise PermanentError(
            f"Spark stopped reading: {str(error).strip().splitlines()[0][:400]}",
            remedy="Spark's log: .services/spark.log",
        ) from error


def _kafka_options(settings: Settings) -> dict[str, str]:
    milliseconds = str(int(settings.kafka_timeout_seconds * 1000))
    options = {
        "kafka.bootstrap.servers": settings.kafka(),
        "kafka.security.protocol": settings.kafka_security_protocol,
        "kafka.request.timeout.ms": milliseconds,
        "kafka.default.api.timeout.ms": milliseconds,
        "kafkaConsumer.pollTimeoutMs": milliseconds,
    }
    if settings.kafka_ca_file:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(settings.kafka_ca_file)}
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_password:
        module = "plain.Plain" if settings.kafka_sasl_mechanism == "PLAIN" else "scram.Scram"
        user, password = settings.kafka_sasl_username, settings.kafka_sasl_password.get_secret_value()
        options |= {
            "kafka.sasl.mechanism": settings.kafka_sasl_mechanism,
            "kafka.sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required"
            f" username={json.dumps(user)} password={json.dumps(password)};",
        }
    return options


def split_messages(messages: DataFrame, contract: Contract) -> DataFrame:
    """Kafka messages as text columns: those of the contract, then partition, offset, item, time and `raw`.

    One further column, `unparsable`, says whether Spark could split the message.

    `from_json` takes the first object and says nothing of what follows it. So each message is parsed as the first element
    of an array whose second element is a mark that no message can contain: only if both are found, and nothing else, was the
    message one JSON object.
    """
    from pyspark.sql import functions as F

    mark = secrets.token_hex(16)
    names = [column.name for column in contract.columns]
    fields = ",".join(f"`{name}`:string" for name in names)
    text = F.col("value").cast("string")
    parsed = F.from_json(
        F.concat(F.lit("["), text, F.lit(f',{{"{mark}":"{mark}"}}]')),
        f"array<struct<{fields},`{mark}`:string>>",
        {"allowSingleQuotes": "false"},
    )
    first, last = F.get("parsed", F.lit(0)), F.get("parsed", F.lit(1))
    keys = F.json_object_keys(text)
    sound = (
        F.col("value").isNotNull()
        & F.is_valid_utf8(text)
        & (F.size("parsed") == 2)
        & first.isNotNull()
        & (last[mark] == mark)
        & (F.size(keys) == F.size(F.array_distinct(keys)))
    )
    split = messages.withColumn("parsed", parsed).withColumn("unparsable", ~F.coalesce(sound, F.lit(False)))
    columns = [F.when(~F.col("unparsable"), first[name]).alias(name) for name in names]
    located = split.select(
        *columns,
        F.col("partition").cast("string").alias("source_partition"),
        F.col("offset").cast("string").alias("source_offset"),
        F.lit("0").alias("source_item"),
        F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSS").alias("source_time"),
        "value",
        "unparsable",
    )
    doubtful = _any(_suspect(column, contract.event_time) for column in contract.columns)
    suspect = F.col("unparsable") | F.coalesce(doubtful, F.lit(True))
    # An escaped surrogate may be half of a pair; Spark would turn a lone one into a question mark.
    suspect = suspect | F.coalesce(text.rlike(r"\\u[dD][89a-fA-F]"), F.lit(False))
    raw = F.when(suspect, _raw_text()).alias("raw")
    return located.select(*names, "source_partition", "source_offset", "source_item", "source_time", raw, "unparsable")


def _raw_text() -> SparkColumn:
    from pyspark.sql import functions as F

    text = F.col("value").cast("string")
    plain = F.is_valid_utf8(text) & ~text.contains("\0") & ~text.startswith("\\")
    as_bytes = F.concat(F.lit("\\x"), F.lower(F.hex("value")))
    return F.when(F.col("value").isNull(), F.lit("\\null")).when(plain, text).otherwise(as_bytes)


def _suspect(column: Column, event_time: EventTime) -> SparkColumn:
    """Whether a value looks wrong at a glance; a hint for keeping the message's text, no verdict."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    missing = value.isNull() if column.required else F.lit(False)
    doubts: list[SparkColumn] = []
    if column.type in ("integer", "double"):
        number = value.try_cast("double" if column.type == "double" else "bigint")
        limit = 1e300 if column.type == "double" else 2 ** (column.bits - 1) - 1
        low = column.minimum if column.minimum is not None else -limit
        high = column.maximum if column.maximum is not None else limit
        doubts.append(~F.coalesce(number.between(low, high), F.lit(False)))
    elif column.type == "timestamp":
        moment = value.try_cast("timestamp")
        doubts.append(moment.isNull() | ~value.rlike(r"^\d{4}-\d\d-\d\d[T ]"))
        if column.name == event_time.column:
            latest = F.current_timestamp() + F.make_interval(secs=F.lit(event_time.ahead_seconds))
            doubts.append(~moment.between(F.lit(event_time.earliest), latest))
    elif column.type == "boolean":
        doubts.append(~value.isin("true", "false"))
    else:
        # A nested object or array arrives as its JSON text, and could pass for a text.
        doubts.append(value.startswith("{") | value.startswith("[") | value.contains("\0"))
        if column.max_length is not None:
            doubts.append(F.length(value) > column.max_length)
        if column.min_length is not None:
            doubts.append(F.length(value) < column.min_length)
        if column.pattern is not None:
            doubts.append(~value.rlike(f"^(?:{column.pattern})$"))
    return missing | (value.isNotNull() & _any(doubts))


def _any(conditions: Iterable[SparkColumn]) -> SparkColumn:
    from pyspark.sql import functions as F

    result = F.lit(False)
    for condition in conditions:
        result = result | condition
    return result


class _BatchWriter:
    """Writes each micro-batch under a temporary name, checks it, and gives it its place with one rename."""

    def __init__(self, settings: Settings, contract: Contract, topic: Topic, cycle_id: str) -> None:
        self.settings = settings
        self.contract = contract
        self.topic = topic
        self.cycle_id = cycle_id
        self.query_id = ""
        self.written: list[Batch] = []
        self.error: BaseException | None = None
        self.is_writing = False
        self.is_given_up = False
        """The time box is over: an error of the batch under way only says that it was cancelled."""

    @property
    def counts(self) -> Counts:
        return sum((Counts(b.messages, b.messages - b.unparsable, b.unparsable) for b in self.written), Counts())

    @property
    def next_offsets(self) -> dict[int, int]:
        return {int(part): found.next for batch in self.written for part, found in batch.offsets.items()}

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        self.is_writing = True
        try:
            self._write(rows, batch_id)
        except BaseException as error:
            # Py4J passes on only the text of an error; the job wants the error itself.
            if not self.is_given_up:
                self.error = error
            raise
        finally:
            self.is_writing = False

    def _write(self, rows: DataFrame, batch_id: int) -> None:
        from pyspark.sql import Observation
        from pyspark.sql import functions as F

        query_id = self.query_id or self._query_id()
        folder = files.feed_output(self.settings, self.contract.feed)
        temporary = folder / f"{files.TEMPORARY_PREFIX}{query_id}-{batch_id:06d}"
        shutil.rmtree(temporary, ignore_errors=True)
        observed = Observation()
        counted = rows.observe(observed, F.count("*").alias("messages"), F.count_if("unparsable").alias("unparsable"))
        counted.drop("unparsable").write.csv(
            temporary.as_uri(),
            header=True,
            escape='"',
            emptyValue='""',
            nullValue="",
            ignoreLeadingWhiteSpace=False,
            ignoreTrailingWhiteSpace=False,
        )
        failpoints.reached("consume.parts_written")
        told = observed.get
        if told["messages"] == 0:
            shutil.rmtree(temporary)
            return
        parts, offsets = _take_stock(temporary)
        batch = Batch(
            feed=self.contract.feed,
            cycle_id=self.cycle_id,
            query_id=query_id,
            batch_id=batch_id,
            source=Source("kafka", self.topic.name, self.topic.id),
            offsets=offsets,
            columns=self.contract.file_columns,
            messages=told["messages"],
            rows=sum(part.rows for part in parts),
            unparsable=told["unparsable"],
            parts=tuple(parts),
            written_at=datetime.now(UTC).isoformat(),
        )
        _require_balance(batch)
        files.write_json(temporary / files.MANIFEST, batch)
        files.replace_folder(temporary, folder / batch.name)
        failpoints.reached("consume.renamed")
        self.written.append(batch)
        log.info("batch written", batch=batch_id, messages=batch.messages, unparsable=batch.unparsable)
        failpoints.reached("consume.before_commit")

    def _query_id(self) -> str:
        """The query's id from the checkpoint: the first batch may come before `start()` has returned."""
        folder = positions.checkpoint_folder(self.settings, self.contract.feed, self.topic.id)
        return str(json.loads((folder / "metadata").read_text("utf-8"))["id"])


def _take_stock(folder: Path) -> tuple[list[Part], dict[str, OffsetRange]]:
    """Name the part files plainly, count and hash what really stands in them, and force it to the disk."""
    parts: list[Part] = []
    found: dict[str, OffsetRange] = {}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("part-") or path.suffix != ".csv":
            path.unlink() if path.is_file() else shutil.rmtree(path)
            continue
        part = path.rename(folder / f"part-{len(parts):05d}.csv")
        rows = 0
        for chunk in files.read_chunks(part, ("source_partition", "source_offset")):
            rows += chunk.num_rows
            _add_ranges(found, chunk)
        files.sync_file(part)
        parts.append(Part(part.name, rows, part.stat().st_size, files.sha256(part)))
    return parts, dict(sorted(found.items(), key=lambda item: int(item[0])))


def _add_ranges(found: dict[str, OffsetRange], chunk: pa.RecordBatch) -> None:
    offsets = chunk.column("source_offset").cast(pa.int64())
    table = pa.table({"partition": chunk.column("source_partition"), "offset": offsets})
    summary = table.group_by("partition").aggregate([("offset", "min"), ("offset", "max"), ("offset", "count")])
    for row in summary.to_pylist():
        first, last, rows = row["offset_min"], row["offset_max"], row["offset_count"]
        known = found.get(row["partition"], OffsetRange(first, last + 1, 0))
        found[row["partition"]] = OffsetRange(min(known.first, first), max(known.next, last + 1), known.rows + rows)


def _require_balance(batch: Batch) -> None:
    """Refuse a batch whose files do not hold what Spark counted on the way, or hold an offset twice."""
    if batch.rows != batch.messages:
        raise BalanceError(
            f"Batch {batch.batch_id}: Spark counted {batch.messages} messages, its files hold {batch.rows} rows.",
            remedy="Run again: the batch is written anew from the same offsets.",
        )
    for partition, offsets in batch.offsets.items():
        if offsets.rows > offsets.next - offsets.first:
            raise BalanceError(
                f"Batch {batch.batch_id}, partition {partition}: {offsets.rows} rows between offsets {offsets.first} and"
                f" {offsets.next}.",
                remedy="Run again: the batch is written anew from the same offsets.",
            )
