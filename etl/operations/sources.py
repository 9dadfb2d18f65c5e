"""What waits in each kind of source, for `status` and `doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection

from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.errors import EtlError, TopicMissing
from etl.jobs.consume import offsets
from etl.settings import Settings
from etl.storage import kafka as broker
from etl.storage.landing_folder import waiting

Backlog = dict[str, int | None]
"""How much waits, by unit (`messages`, `files`); a unit whose number is unknown is missing."""


class SourceState(Protocol):
    """Looks at one kind of source; `source` is the contract's, of that kind."""

    def backlog(
        self, settings: Settings, contract: Contract, source: Any, connection: Connection | None, *, kafka_answers: bool
    ) -> Backlog:
        """What waits to be consumed.

        :param connection: to the database; None where it does not answer.
        """

    def in_words(self, settings: Settings, source: Any, *, kafka_answers: bool) -> str:
        """What is there, in words that follow on "contract is sound; "."""


class _Topic:
    def backlog(
        self,
        settings: Settings,
        contract: Contract,
        source: KafkaTopic,
        connection: Connection | None,
        *,
        kafka_answers: bool,
    ) -> Backlog:
        if connection is None or not kafka_answers:
            return {}
        try:
            topic = broker.describe(settings, source.topic)
        except EtlError:
            # Whether Kafka answers is shown elsewhere; a topic that nobody has created yet holds nothing.
            return {}
        following = offsets.next_offsets(settings, connection, contract, topic)
        return {"messages": offsets.unread(topic, following)}

    def in_words(self, settings: Settings, source: KafkaTopic, *, kafka_answers: bool) -> str:
        if not kafka_answers:
            return f"topic {source.topic} is not checked, because Kafka does not answer"
        try:
            described = broker.describe(settings, source.topic)
        except TopicMissing:
            return f"there is no topic {source.topic} yet (`run --create-topic` creates it)"
        return f"topic {source.topic} has {len(described.end)} partitions"


class _Folder:
    def backlog(
        self,
        settings: Settings,
        contract: Contract,
        source: LandingFolder,
        connection: Connection | None,
        *,
        kafka_answers: bool,
    ) -> Backlog:
        return {"files": len(waiting(settings, source))}

    def in_words(self, settings: Settings, source: LandingFolder, *, kafka_answers: bool) -> str:
        return f"{len(waiting(settings, source))} files wait in {source.path}"


STATES: Mapping[type[FeedSource], SourceState] = {KafkaTopic: _Topic(), LandingFolder: _Folder()}
