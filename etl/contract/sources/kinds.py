"""Every kind of source that a contract may name."""

from __future__ import annotations

from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource

KINDS: dict[str, type[FeedSource]] = {"kafka": KafkaTopic, "local": LandingFolder}
"""Type of `servers[0]` in a contract → the kind of source."""
