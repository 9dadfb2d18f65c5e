"""A delivery of messages to a feed's source, and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from etl.audit.counts import Counts
from etl.contract.reader import Contract
from etl.jobs.produce.simulators.base import Message
from etl.settings import Settings

Chunks = Iterator[list[Message]]
Watch = Callable[[Chunks], Chunks]
"""Passes chunks of messages on unchanged, and sees each of them."""


@dataclass(frozen=True)
class Delivery:
    """One job's delivery to the feed's source."""

    settings: Settings
    contract: Contract
    cycle_id: str
    create_topic: bool
    """Whether a missing topic is created."""
    watch: Watch


@dataclass(frozen=True)
class Sent:
    """What was sent, to a topic's partitions or into one file."""

    counts: Counts
    target: str
    per_partition: Mapping[int, int]
    failures: tuple[str, ...] = ()
