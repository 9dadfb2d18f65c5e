"""All metrics at this moment, as text in the format of Prometheus, and as a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client import generate_latest, write_to_textfile
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from etl import __version__
from etl.contract.reader import Contract, read_contracts
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database.schema.migrations import connected
from etl.errors import ConfigurationError, EtlError
from etl.operations.metrics.feeds import feed_metrics
from etl.operations.metrics.jobs import job_metrics, read_jobs
from etl.operations.sources import STATES
from etl.settings import Settings
from etl.storage import kafka as broker
from etl.storage.disk_errors import translate_disk_errors

_FOR_EVERYBODY = 0o022
"""The umask of a file that node_exporter's user must be able to read; it contains counts and names of feeds."""


class Metrics(Collector):
    """Metrics that were read."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families

    def as_text(self) -> str:
        """The text format, version 0.0.4."""
        return generate_latest(self).decode("utf-8")

    def write(self, settings: Settings, file: Path) -> None:
        """Write them into a file that is there whole or not at all, and that everybody may read.

        :raises ConfigurationError: it is a folder, or its folder does not exist.
        :raises StorageError: it cannot be written.
        """
        if file.is_dir() or not file.parent.is_dir():
            raise ConfigurationError(
                f"{file} is a folder, or in a folder that does not exist.",
                remedy="Name a file in a folder that exists.",
            )
        before = os.umask(_FOR_EVERYBODY)
        try:
            with translate_disk_errors(settings):
                write_to_textfile(str(file), self)
        finally:
            os.umask(before)


def read_metrics(settings: Settings) -> Metrics:
    """Read them from the database. What waits in Kafka is among them if Kafka answers soon.

    :raises ServiceUnavailable: the database does not answer.
    :raises ConfigurationError: the audit tables are missing.
    """
    # A contract that cannot be used is reported by others; here it would stand in the middle of the metrics.
    contracts, _ = read_contracts(settings)
    with connected(settings, "metrics") as connection:
        return metrics_of(connection, settings, contracts)


def metrics_of(connection: Connection, settings: Settings, contracts: Mapping[str, Contract]) -> Metrics:
    """What `read_metrics` returns.

    :param contracts: of all feeds.
    """
    scheduled = {feed: contract for feed, contract in contracts.items() if contract.alerts.cycle_every_seconds}
    jobs = read_jobs(connection)
    used = {row.feed for row in jobs}
    unread = _unread(settings, connection, [contracts[feed] for feed in sorted(used & set(contracts))])
    return Metrics(
        [
            InfoMetricFamily("etl_build", "The version that reads these metrics.", {"version": __version__}),
            *job_metrics(jobs),
            *feed_metrics(connection, jobs, scheduled, unread),
        ]
    )


def _unread(settings: Settings, connection: Connection, contracts: Iterable[Contract]) -> Mapping[str, float]:
    """The messages that wait in the topics of feeds; without feeds of which that is not known."""
    hurried = broker.hurried(settings)
    of_topics = [contract for contract in contracts if isinstance(contract.source, KafkaTopic)]
    if not of_topics or not _kafka_answers(hurried):
        return {}
    unread = {}
    for contract in of_topics:
        try:
            state = STATES[KafkaTopic].backlog(hurried, contract, contract.source, connection, kafka_answers=True)
        except EtlError:
            # A topic or checkpoint that is missing or damaged is an error of the feed's next job.
            continue
        if (messages := state.get("messages")) is not None:
            unread[contract.feed] = float(messages)
    return unread


def _kafka_answers(settings: Settings) -> bool:
    try:
        with broker.admin(settings) as client:
            client.list_topics()
    except EtlError:
        return False
    return True
