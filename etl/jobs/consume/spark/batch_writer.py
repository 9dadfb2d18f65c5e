"""A micro-batch of Spark, written as a batch on disk before its offsets are committed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from py4j.protocol import Py4JJavaError

from etl.contract.model import EvolvedContract
from etl.errors import BalanceError
from etl.jobs.consume.spark import errors as spark_errors
from etl.jobs.consume.spark.bisect_batch import Halving, ranges
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.plain.lines import IS_FIRST, LINE
from etl.settings import Settings
from etl.storage import batch_csv, failpoints, files, manifests
from etl.storage.batch_csv import read_chunks
from etl.storage.checkpoint import checkpoint_folder, is_committed, planned_offsets, read_checkpoint
from etl.storage.kafka import Topic
from etl.storage.manifests import Batch, OffsetRange, Part, Source
from etl.storage.publish import finished_part, publish_batch, temporary_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger("consume")

_ROW_OF_TASK = (1 << 33) - 1
"""The bits of `monotonically_increasing_id` that count the rows of a task."""
_INSPECTORS = 2
"""Part files that are counted and hashed at the same time."""


class BatchWriter:
    """Writes each micro-batch under a temporary name, checks it, and gives it its name with one rename."""

    def __init__(
        self, settings: Settings, contract: EvolvedContract, topic: Topic, following: Mapping[int, int], cycle_id: str
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.topic = topic
        self.cycle_id = cycle_id
        self.checkpoint = checkpoint_folder(settings, contract.feed, topic.id)
        self.query_id = ""
        self.first: int | None = None
        """Number of the job's first batch."""
        self.following = following
        self.set_aside: dict[str, str] = {}
        """Message on which Spark failed twice → the error."""
        self.written: list[Batch] = []
        self.error: BaseException | None = None
        self.begun = self.ended = 0
        """Number of batches, including those without messages."""
        self.longest_seconds = 0.0
        self.is_given_up = False
        """The time box is over: an error of the current batch only means that it was cancelled."""

    @property
    def has_committed(self) -> bool:
        """Whether Spark has committed the job's first batch."""
        return self.first is not None and self._committed >= self.first

    @property
    def _committed(self) -> int:
        checkpoint = read_checkpoint(self.checkpoint, self.topic.name)
        return checkpoint.committed if checkpoint else -1

    def has_finished(self, number: int) -> bool:
        """Whether this number of batches has ended and Spark has committed what was written."""
        return self.ended >= number and all(is_committed(self.settings, batch) for batch in self.written[-1:])

    def forget_uncommitted(self) -> None:
        """Drop a batch that the next job will write again. Call it after the query: then the checkpoint shows which."""
        self.written = [batch for batch in self.written if is_committed(self.settings, batch)]

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        self.begun += 1
        self.first = batch_id if self.first is None else self.first
        start = time.monotonic()
        try:
            self._write(rows, batch_id)
        except BaseException as error:
            # Py4J passes on only the text of an error; the job needs the error itself.
            if not self.is_given_up:
                self.error = error
            raise
        finally:
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - start)
            self.ended += 1

    def _write(self, rows: DataFrame, batch_id: int) -> None:
        query_id = self.query_id or self._query_id()
        folder = manifests.feed_output(self.settings, self.contract.feed)
        temporary = temporary_batch(folder, query_id, batch_id)
        counts = self._write_or_halve(rows, temporary, query_id, batch_id)
        if counts["messages"] == 0:
            shutil.rmtree(temporary)
            return
        parts, read, messages = _inspect_parts(temporary, batch_csv.header(self.contract.file_columns))
        planned = planned_offsets(self.checkpoint, self.topic.name, batch_id)
        # The offsets between the last message and the planned end have been read too: they have no message.
        offsets = {part: replace(passed, next=planned[int(part)]) for part, passed in read.items()}
        batch = Batch(
            feed=self.contract.feed,
            cycle_id=self.cycle_id,
            query_id=query_id,
            batch_id=batch_id,
            source=Source("kafka", self.topic.name, self.topic.id),
            offsets=offsets,
            columns=self.contract.file_columns,
            paths=self.contract.paths,
            messages=counts["messages"],
            rows=sum(part.rows for part in parts),
            unparsable=counts["unparsable"],
            parts=tuple(parts),
            written_at=datetime.now(UTC).isoformat(),
        )
        _require_balance(batch, counts, messages)
        publish_batch(batch, temporary, folder)
        self.written.append(batch)
        log.info("batch written", batch=batch_id, messages=batch.messages, unparsable=batch.unparsable)
        failpoints.reached("consume.before_commit")

    def _write_or_halve(self, rows: DataFrame, temporary: Path, query_id: str, batch_id: int) -> dict[str, Any]:
        """Write the rows; without the messages that stop Spark, where it failed on the same batch in an earlier job."""
        from pyspark.errors import AnalysisException, PySparkException

        try:
            return self._write_parts(rows, temporary)
        except AnalysisException:
            raise
        except (PySparkException, Py4JJavaError) as error:
            if self.is_given_up or not spark_errors.is_unknown(self.settings, error):
                raise
            if not self._has_failed_before(f"{query_id}/{batch_id}"):
                raise
            return self._write_parts(self._without_failing(rows.sparkSession, batch_id, error), temporary)

    def _write_parts(self, lines: DataFrame, temporary: Path) -> dict[str, Any]:
        """Write the lines as CSV files and count them while they are written."""
        from pyspark.sql import Observation
        from pyspark.sql import functions as F

        files.remove_folder(temporary)
        observed = Observation()
        counted = lines.observe(
            observed,
            F.count("*").alias("rows"),
            F.count_if(F.col(IS_FIRST)).alias("messages"),
            F.count_if(F.col(UNPARSABLE)).alias("unparsable"),
        )
        # Each task writes one file, and numbers its rows from 0.
        is_top = F.monotonically_increasing_id().bitwiseAND(_ROW_OF_TASK) == 0
        top = F.concat(F.lit(batch_csv.header(self.contract.file_columns).decode()), LINE)
        counted.select(F.when(is_top, top).otherwise(F.col(LINE)).alias(LINE)).write.text(files.hadoop_path(temporary))
        failpoints.reached("consume.parts_written")
        return dict(observed.get)

    def _has_failed_before(self, batch: str) -> bool:
        """Whether a batch failed in an earlier job; if not, record that it has failed now."""
        file = self.checkpoint.parent / ".failed-batch.json"
        if file.is_file() and files.read_json(file)["batch"] == batch:
            return True
        files.write_json(file, {"batch": batch})
        return False

    def _without_failing(self, spark: SparkSession, batch_id: int, error: Exception) -> DataFrame:
        ends = planned_offsets(self.checkpoint, self.topic.name, batch_id)
        starts = {**self.topic.beginning, **self.following}
        if batch_id:
            starts |= planned_offsets(self.checkpoint, self.topic.name, batch_id - 1)
        halving = Halving(self.settings, spark, self.contract, error)
        rows = halving.rows(ranges(starts, ends))
        self.set_aside |= halving.set_aside
        return rows

    def _query_id(self) -> str:
        """The query's id from the checkpoint: the first batch may begin before `start()` returns."""
        return str(json.loads((self.checkpoint / "metadata").read_text("utf-8"))["id"])


def _inspect_parts(folder: Path, header: bytes) -> tuple[list[Part], dict[str, OffsetRange], int]:
    """Rename the part files, count and hash what they really contain, and sync them to the disk.

    Returns the parts, the offsets per partition, and the number of messages: every message has one row with item 0.
    """
    paths: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("part-") and path.suffix == ".txt":
            paths.append(path.rename(folder / f"part-{len(paths):05d}.csv"))
        else:
            path.unlink() if path.is_file() else shutil.rmtree(path)
    offsets: dict[str, OffsetRange] = {}
    with ThreadPoolExecutor(_INSPECTORS, thread_name_prefix="parts") as pool:
        inspected = list(pool.map(lambda path: _inspect_part(path, header), paths))
    for _, read_of_part, _ in inspected:
        for partition, read in read_of_part.items():
            _add_range(offsets, partition, read)
    by_number = sorted(offsets.items(), key=lambda item: int(item[0]))
    return [part for part, _, _ in inspected], dict(by_number), sum(messages for _, _, messages in inspected)


def _inspect_part(part: Path, header: bytes) -> tuple[Part, dict[str, OffsetRange], int]:
    if not part.stat().st_size:
        # The first task writes a file even if it has no row.
        part.write_bytes(header)
    offsets: dict[str, OffsetRange] = {}
    rows = messages = 0
    for chunk in read_chunks(part, ("source_partition", "source_offset", "source_item")):
        rows += chunk.num_rows
        messages += pc.sum(pc.equal(chunk.column("source_item"), "0")).as_py() or 0
        _add_ranges(offsets, chunk)
    return finished_part(part, rows), offsets, messages


def _add_ranges(ranges: dict[str, OffsetRange], chunk: pa.RecordBatch) -> None:
    offsets = chunk.column("source_offset").cast(pa.int64())
    table = pa.table({"partition": chunk.column("source_partition"), "offset": offsets})
    summary = table.group_by("partition").aggregate([("offset", "min"), ("offset", "max"), ("offset", "count")])
    for row in summary.to_pylist():
        _add_range(ranges, row["partition"], OffsetRange(row["offset_min"], row["offset_max"] + 1, row["offset_count"]))


def _add_range(ranges: dict[str, OffsetRange], partition: str, read: OffsetRange) -> None:
    so_far = ranges.get(partition, OffsetRange(read.first, read.next, 0))
    ranges[partition] = OffsetRange(min(so_far.first, read.first), max(so_far.next, read.next), so_far.rows + read.rows)


def _require_balance(batch: Batch, counts: Mapping[str, int], messages: int) -> None:
    """:raises BalanceError: the batch's files do not contain what Spark counted while it wrote them."""
    if (batch.rows, messages) != (counts["rows"], counts["messages"]):
        raise BalanceError(
            f"Batch {batch.batch_id}: Spark counted {counts['messages']} messages and {counts['rows']} rows, its files have"
            f" {messages} and {batch.rows}.",
            remedy="Run again: the batch is written again from the same offsets.",
        )
    span = sum(offsets.next - offsets.first for offsets in batch.offsets.values())
    if messages > span:
        raise BalanceError(
            f"Batch {batch.batch_id}: {messages} messages between offsets that are {span} apart.",
            remedy="Run again: the batch is written again from the same offsets.",
        )
