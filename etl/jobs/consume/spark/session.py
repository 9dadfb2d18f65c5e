"""Spark's session, its configuration and its log."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

from etl.errors import SetupError
from etl.jobs.consume.spark import cluster
from etl.jobs.consume.spark.java import gateway, text
from etl.settings import Settings
from etl.settings.libraries import class_path
from etl.storage import files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


_starting = threading.Lock()
_FEW_CORES = 2
"""With this few cores, a parallel garbage collector only takes time and memory from Spark's own threads."""


def class_archive(settings: Settings) -> Path:
    """The file in which `etl.services.jvm_archive` keeps the classes of Spark's JVM; one per installed PySpark."""
    import pyspark

    installed = hashlib.sha256(pyspark.__file__.encode()).hexdigest()[:8]
    return settings.jars_folder / f"spark-{installed}.jsa"


def spark_session(settings: Settings, *, java_options: str = "") -> SparkSession:
    """The process's Spark session, made at the first call and kept for the next job. Threads may call it concurrently.

    :param java_options: more options for its JVM.

    :raises SetupError: Spark's JVM does not start.
    :raises ServiceUnavailable: the master of a cluster does not answer.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # PySpark warns that it does not know pandas 3 yet, as soon as Java gets a list; Spark gets no pandas objects here.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    with _starting:
        try:
            if (context := SparkContext._active_spark_context) and context._jsc.sc().isStopped():
                context.stop()  # Its cluster has ended it.
            if SparkContext._active_spark_context is None:
                cluster.require_master(settings)
                # Executors run functions of this project with its own Python; on a cluster, another path may be given.
                os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
                if not cluster.is_cluster(settings):
                    # Otherwise the JVM asks for the address of this host's name, which nobody may know, as in a container.
                    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
                configuration = _spark_configuration(settings, java_options)
                if (jvm := SparkContext._gateway) is None:
                    # What the JVM prints before its log is set up goes to the log file too, not into the notebook.
                    with (settings.services / "spark.log").open("ab") as log_file:
                        jvm = gateway.start(configuration, log_file)
                SparkContext(conf=SparkConf().setAll(list(configuration.items())), gateway=jvm)
            return SparkSession.builder.getOrCreate()
        except (PySparkException, Py4JJavaError) as error:
            raise SetupError(
                f"Spark did not start: {str(error).strip().splitlines()[0]}",
                remedy="It needs Java 17, 21 or 25; `python -m etl doctor` shows which one is found."
                " Spark's log: .services/spark.log",
            ) from error


@contextlib.contextmanager
def locked_by_jvm(spark: SparkSession, file: Path) -> Iterator[None]:
    """Have Spark's JVM hold a lock on a file meanwhile. If this process is killed, it holds it until it has ended."""
    jvm: Any = spark._jvm
    held = jvm.java.io.RandomAccessFile(str(file), "rw")
    try:
        held.getChannel().lock()
        yield
    finally:
        # If the JVM has died, its lock is gone too.
        with contextlib.suppress(Py4JError):
            held.close()


def close_callbacks(spark: SparkSession) -> None:
    """Close the connections by which streaming queries that have ended called Python.

    Py4J keeps one for each thread of the JVM that ever called, with a thread in Python, for as long as the JVM lives; and every
    query has a new thread. While a query runs, or where the JVM has died, nothing is closed.
    """
    from py4j.java_gateway import JavaObject
    from pyspark import SparkContext

    jvm = SparkContext._gateway
    # Py4J reads an unknown attribute as a Java class.
    if jvm is None or (server := vars(jvm).get("_callback_server")) is None:
        return
    # If the JVM does not answer, the job's own error says more.
    with contextlib.suppress(Py4JError):
        if spark.streams.active:
            return
        java: Any = JavaObject("GATEWAY_SERVER", jvm._gateway_client)
        client = java.getCallbackClient()
        java.resetCallbackClient(client.getAddress(), server.port)
        java.removeListener(client)


def _spark_configuration(settings: Settings, java_options: str) -> dict[str, str]:
    jars = _connector(settings)
    alone = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return {
        "spark.app.name": "notebook-etl",
        "spark.master": settings.spark_master,
        **(cluster.configuration(jars) if cluster.is_cluster(settings) else alone),
        "spark.driver.extraClassPath": ":".join(map(str, jars)),
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.extraJavaOptions": " ".join(
            [
                text.option(f"-Dlog4j2.configurationFile={_log_configuration(settings).as_uri()}"),
                *_java_options(settings),
                java_options,
            ]
        ),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Options that Spark must never print; the second half is its own default.
        "spark.redaction.regex": "(?i)jaas|secret|password|token|access[.]?key",
        "spark.sql.redaction.options.regex": "(?i)jaas|url|secret|password|token",
        # The checkpoint's files get their rights from Hadoop, which does not ask for the process's umask.
        "spark.hadoop.fs.permissions.umask-mode": f"{files.PRIVATE_UMASK:03o}",
        "spark.sql.session.timeZone": "UTC",
        # JSON is: `T` and `t` are two keys.
        "spark.sql.caseSensitive": "true",
        # A key of this name would get the text of broken messages instead of its own value; the default is `_corrupt_record`.
        "spark.sql.columnNameOfCorruptRecord": f"no key {secrets.token_hex(16)}",
        "spark.sql.adaptive.enabled": "false",
        # Stopping a query interrupts its thread; a call that ignores interrupts must not block the job for ever.
        "spark.sql.streaming.stopTimeout": "60s",
        "spark.sql.streaming.numRecentProgressUpdates": "10",
        # The JVM serves many cycles. What a query leaves behind is removed within a minute instead of 5 or 30 minutes, also its
        # consumers, which Spark keeps in a separate pool.
        "spark.kafka.consumer.cache.timeout": "30s",
        "spark.kafka.consumer.cache.evictorThreadRunInterval": "10s",
        "spark.kafka.consumer.fetchedData.cache.timeout": "30s",
        "spark.kafka.consumer.fetchedData.cache.evictorThreadRunInterval": "10s",
        "spark.cleaner.periodicGC.interval": "1min",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }


def _connector(settings: Settings) -> list[Path]:
    """The libraries of Spark's Kafka connector, all of them fetched."""
    jars = class_path(settings, "spark")
    if missing := [jar.name for jar in jars if not jar.is_file()]:
        raise SetupError(
            f"Libraries of Spark's Kafka connector are missing: {', '.join(missing)}.",
            remedy="Fetch them with `python -m etl setup`.",
        )
    return jars


def _java_options(settings: Settings) -> list[str]:
    """Options by the machine's size, and the class archive where there is one."""
    options = []
    if (os.cpu_count() or 1) <= _FEW_CORES:
        options.append("-XX:+UseSerialGC")
    if (archive := class_archive(settings)).is_file():
        # The JVM silently ignores an archive that does not fit.
        shared = text.option(f"-XX:SharedArchiveFile={archive}")
        options += [shared, "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]
    return options


def _log_configuration(settings: Settings) -> Path:
    """Spark's messages go to a file: in a notebook they would bury the results."""
    file = settings.services / "spark-log4j2.properties"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_file = (settings.services / "spark.log").as_posix()
    named, rolled = text.log4j_value(log_file), text.log4j_pattern(log_file)
    file.write_text(
        "status=error\nappender.file.type=RollingFile\nappender.file.name=file\n"
        f"appender.file.fileName={named}\nappender.file.filePattern={rolled}.%i\n"
        "appender.file.layout.type=PatternLayout\n"
        "appender.file.layout.pattern=%d{yyyy-MM-dd HH:mm:ss} %-5p %c{1} - %m%n%ex\n"
        "appender.file.policies.type=Policies\nappender.file.policies.size.type=SizeBasedTriggeringPolicy\n"
        "appender.file.policies.size.size=10MB\nappender.file.strategy.type=DefaultRolloverStrategy\n"
        "appender.file.strategy.max=2\nrootLogger.level=warn\nrootLogger.appenderRef.file.ref=file\n",
        "utf-8",
    )
    return file


def kafka_options(settings: Settings) -> dict[str, str]:
    """Options of Spark's Kafka source: where the broker is, how to sign in, and how long to wait."""
    milliseconds = str(int(settings.kafka_timeout_seconds * 1000))
    options = {
        "kafka.bootstrap.servers": settings.kafka(),
        "kafka.security.protocol": settings.kafka_security_protocol,
        "kafka.request.timeout.ms": milliseconds,
        "kafka.default.api.timeout.ms": milliseconds,
        "kafkaConsumer.pollTimeoutMs": milliseconds,
        # Before it reads, a task seeks the end of its partition. A fetch request from there must return before the one that the
        # task needs; by default that takes half a second per task.
        "kafka.fetch.max.wait.ms": "10",
        # After each poll Spark asks the broker where the partition begins and ends; a poll returns 500 messages by default.
        "kafka.max.poll.records": "10000",
        # Messages of an aborted transaction count as never sent (docs/decisions/0024).
        "kafka.isolation.level": "read_committed",
    }
    if settings.kafka_ca_file:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(settings.kafka_ca_file)}
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_password:
        module = "plain.Plain" if settings.kafka_sasl_mechanism == "PLAIN" else "scram.Scram"
        user, password = settings.kafka_sasl_username, settings.kafka_sasl_password.get_secret_value()
        options |= {
            "kafka.sasl.mechanism": settings.kafka_sasl_mechanism,
            "kafka.sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required"
            f" username={_jaas_text(user or '')} password={_jaas_text(password)};",
        }
    return options


def _jaas_text(value: str) -> str:
    r"""A quoted text of a JAAS line: backslashes escape, but Java's tokenizer knows no `\u`."""
    return json.dumps(value, ensure_ascii=False)
