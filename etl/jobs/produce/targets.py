"""How readings get into each kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.file_drop import FolderTarget
from etl.jobs.produce.topic import TopicTarget


class Target(Protocol):
    """Sends readings to one kind of source; `source` is the contract's, of that kind."""

    def send(self, source: Any, delivery: Delivery, chunks: Chunks) -> Sent:
        """Send simulated messages."""

    def send_file(self, source: Any, delivery: Delivery, file: Path) -> Sent:
        """Send what a file holds.

        :raises ConfigurationError: it is no file that can be sent there.
        """


TARGETS: Mapping[type[FeedSource], Target] = {KafkaTopic: TopicTarget(), LandingFolder: FolderTarget()}
