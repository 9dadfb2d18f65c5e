"""Spark's streaming query over a topic, from its start to its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from etl.contract.reader import Contract
from etl.errors import BalanceError
from etl.jobs.consume.spark import cluster
from etl.jobs.consume.spark.batch_writer import BatchWriter
from etl.jobs.consume.spark.incoming import decoding, origins
from etl.jobs.consume.spark.plain.lines import part_lines
from etl.jobs.consume.spark.session import close_callbacks, kafka_options, locked_by_jvm, spark_session
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.checkpoint import checkpoint_folder, read_checkpoint
from etl.storage.kafka import Topic
from etl.storage.locks import spark_lock

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

MESSAGES_PER_BATCH = 1_000_000
"""Each micro-batch takes Spark up to a second beside its rows; beyond this size, a batch mainly takes longer to repeat."""


def unfinished_batch(settings: Settings, contract: Contract, topic: Topic) -> dict[int, int]:
    """The end offsets, per partition, of a batch that Spark began and did not commit; empty where there is none."""
    folder = checkpoint_folder(settings, contract.feed, topic.id)
    checkpoint = read_checkpoint(folder, topic.name)
    return dict(checkpoint.planned_offsets) if checkpoint else {}


def read_topic(
    settings: Settings,
    contract: Contract,
    topic: Topic,
    following: Mapping[int, int],
    writer: BatchWriter,
    parameters: Mapping[str, Any],
) -> None:
    """Run the streaming query until it has caught up or the time box is over."""
    spark = spark_session(settings)
    _require_shared(settings, contract, spark)
    # -2 is Kafka's "earliest". Spark looks at this only where it has no checkpoint.
    starting = {str(part): following.get(part, -2) for part in topic.end}
    stream = (
        spark.readStream.format("kafka")
        .options(**kafka_options(settings), **origins.source_options(contract))
        .option("subscribe", topic.name)
        .option("startingOffsets", json.dumps({topic.name: starting}))
        .option("maxOffsetsPerTrigger", MESSAGES_PER_BATCH)
        .option("failOnDataLoss", str(not parameters["accept_gap"]).lower())
        .load()
    )
    folder = checkpoint_folder(settings, contract.feed, topic.id)
    query_writer = (
        part_lines(decoding.decoded(stream, contract, settings), contract)
        .writeStream.option("checkpointLocation", files.hadoop_path(folder))
        .foreachBatch(writer)
    )
    catch_up = parameters["until"] == "caught_up"
    trigger: dict[str, Any] = (
        {"availableNow": True} if catch_up else {"processingTime": f"{parameters['batch_seconds']} seconds"}
    )
    try:
        with locked_by_jvm(spark, spark_lock(settings, contract.feed)):
            query = query_writer.trigger(**trigger).start()
            writer.query_id = str(query.id)
            _await(query, writer, parameters["time_box_seconds"], first_batch_is_sure=catch_up)
    except BalanceError:
        # Meanwhile a machine may have lost the folder, or an executor on another machine may have joined.
        _require_shared(settings, contract, spark, again=True)
        raise
    finally:
        close_callbacks(spark)


def _require_shared(settings: Settings, contract: Contract, spark: SparkSession, *, again: bool = False) -> None:
    if cluster.is_cluster(settings):
        cluster.require_shared(settings, spark, manifests.feed_output(settings, contract.feed), again=again)


def _await(query: StreamingQuery, writer: BatchWriter, seconds: float, *, first_batch_is_sure: bool) -> None:
    """Wait until the query has ended or the time is over, then stop it.

    The batch that is being written when the time is over may end, unless it takes more than twice as long as any before it. Then
    it is cancelled, as is one that Spark begins meanwhile, and the next job repeats it. The first batch of a job has no such
    limit: with a time box too short for one batch, jobs would otherwise never read anything.

    It polls instead of waiting inside the JVM, where an interrupt would break Py4J's connection.
    """
    deadline = time.monotonic() + seconds
    last = None
    pause = threading.Event()
    try:
        while query.isActive:
            now = time.monotonic()
            if now >= deadline and (writer.has_committed or not (first_batch_is_sure or writer.begun)):
                last = writer.begun if last is None else last
                if writer.has_finished(last) or now >= deadline + 2 * writer.longest_seconds:
                    break
            pause.wait(0.05)
        writer.is_given_up = query.isActive
    finally:
        query.stop()
    writer.forget_uncommitted()
    error = writer.error or (None if writer.is_given_up else query.exception())
    if error is not None:
        raise error
