"""The training run for the class archive: `python -m etl.services.jvm_training FILE` runs a small consume job, without a broker.

The JVM writes every class that it has loaded into FILE when it ends.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from py4j.protocol import Py4JJavaError

from etl.contract.reader import sound_contracts
from etl.jobs.consume.spark.java import text
from etl.jobs.consume.spark.plain.lines import LINE, part_lines
from etl.jobs.consume.spark.session import kafka_options, spark_session
from etl.settings import Settings
from etl.settings.libraries import class_path
from etl.storage import files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NOBODY = "127.0.0.1:9"
"""Nothing listens at this address: Kafka's client is loaded, tries, and gives up."""


def train(archive: Path) -> None:
    """Start Spark, make lines of messages as `consume` does, and end it; returns when the archive is written."""
    from pyspark import SparkContext

    settings = Settings.load(kafka_bootstrap=_NOBODY, kafka_timeout_seconds=1, spark_master="local[2]")
    spark = spark_session(settings, java_options=text.option(f"-XX:ArchiveClassesAtExit={archive}"))
    with tempfile.TemporaryDirectory() as folder:
        _stream(spark, settings, Path(folder))
        with contextlib.suppress(Exception):  # what else, without a broker
            _stream_from_kafka(spark, settings, Path(folder))
    _load(spark, class_path(settings, "spark"))
    gateway: Any = SparkContext._gateway
    spark.stop()
    # The JVM ends when its standard input does.
    gateway.proc.stdin.close()
    gateway.proc.wait()


def _load(spark: SparkSession, jars: Iterable[Path]) -> None:
    """Load every class of some libraries: without a broker, Kafka's client uses few of those that it needs with one."""
    java: Any = spark._jvm
    loader = java.java.lang.ClassLoader.getSystemClassLoader()
    for jar in jars:
        for name in ZipFile(jar).namelist():
            if name.endswith(".class") and not name.startswith("META-INF/"):
                # Some belong to libraries that are not there.
                with contextlib.suppress(Py4JJavaError):
                    java.java.lang.Class.forName(name.removesuffix(".class").replace("/", "."), False, loader)


def _stream(spark: SparkSession, settings: Settings, folder: Path) -> None:
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    contract = next(iter(sound_contracts(settings).values()))
    messages = spark.range(100).select(
        F.to_json(F.struct(F.col("id").alias(contract.column_names[0]))).cast("binary").alias("value"),
        F.lit(0).alias("partition"),
        F.col("id").alias("offset"),
        F.current_timestamp().alias("timestamp"),
    )
    messages.write.parquet(files.hadoop_path(folder / "in"))

    def write(rows: DataFrame, _batch: int) -> None:
        counted = rows.observe(observed := Observation(), F.count("*").alias("rows"))
        counted.select(LINE).write.text(files.hadoop_path(folder / "out"))
        _ = observed.get

    stream = spark.readStream.schema(messages.schema).parquet(files.hadoop_path(folder / "in"))
    writer = part_lines(stream, contract).writeStream.foreachBatch(write)
    writer.option("checkpointLocation", files.hadoop_path(folder / "point")).trigger(
        availableNow=True
    ).start().awaitTermination()


def _stream_from_kafka(spark: SparkSession, settings: Settings, folder: Path) -> None:
    stream = spark.readStream.format("kafka").options(**kafka_options(settings)).option("subscribe", "none").load()
    writer = stream.writeStream.format("noop").option("checkpointLocation", files.hadoop_path(folder / "kafka"))
    writer.trigger(availableNow=True).start().awaitTermination(20)


if __name__ == "__main__":
    train(Path(sys.argv[1]))
