"""Job 1: send readings to the feed's source, simulated ones or those of a file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from etl.audit.counts import Counts
from etl.audit.job import job_run
from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.default_messages import BY_DEFAULT, default_messages, require_one_origin
from etl.jobs.produce.delivery import Chunks, Delivery
from etl.jobs.produce.simulate import DEFAULT_START, simulate, span
from etl.jobs.produce.targets import TARGETS
from etl.settings import Settings

log = structlog.get_logger("produce")


@dataclass(frozen=True)
class Produced:
    """What was sent. `counts`: read = messages to send, processed = acknowledged by all replicas, rejected = failed."""

    cycle_id: str
    counts: Counts
    target: str
    """The topic, or the file that was dropped."""
    seed: int | None
    """Of the simulated readings; the same seed and `start` give the same bytes again."""
    start: str | None
    messages_per_partition: Mapping[int, int]
    """How far each partition's end moved, including messages of other producers."""
    failures: tuple[str, ...]
    """The first messages that failed, each with its number and reason."""
    sample: tuple[bytes, ...]
    """Messages of the first few sensors, for a plot."""


def produce(
    settings: Settings,
    contract: Contract,
    *,
    cycle_id: str = "",
    messages: int = BY_DEFAULT,
    bad_share: float = 0.02,
    seed: int | None = None,
    start: str | None = None,
    source_file: str = "",
    create_topic: bool = False,
) -> Produced:
    """Send messages and wait until Kafka has acknowledged each of them; into a landing folder, write them as one file.

    :param messages: number of simulated readings; with `source_file` only 0 or -1. -1: as `etl.jobs.produce.default_messages`
        decides: 10,000 on the embedded services, and none into a database, topic or folder of the user.
    :param bad_share: share of simulated readings that are bad in one way or another, 0 to 1.
    :param seed: makes the simulated readings repeatable; None: drawn at random and returned.
    :param start: ISO time of the first simulated reading; None: so that the last one is now (with a seed: a fixed day).
    :param source_file: a `.csv` (with header) or JSON file to send instead; for a landing folder a file of the feed's format.
    :param create_topic: create the topic if it is missing; otherwise that is an error.
    :raises ConfigurationError: both a number and a file are given, or the file cannot be sent.
    :raises TopicMissing: the topic does not exist.
    :raises ServiceUnavailable: Kafka did not answer in time.
    """
    if messages < BY_DEFAULT:
        raise ConfigurationError(f"messages is {messages}.", remedy="Give a number from 0, or -1 for the default.")
    require_one_origin(messages, source_file)
    if messages == BY_DEFAULT:
        messages = 0 if source_file else _default_number(settings, contract)
        create_topic = create_topic or messages > 0
    began = _start(contract, start, seed, messages)
    if seed is None and not source_file:
        seed = secrets.randbits(31)
    first = None if source_file else began.isoformat(sep=" ")
    parameters = {
        "messages": messages,
        "bad_share": bad_share,
        "seed": seed,
        "start": first,
        "source_file": source_file,
        "create_topic": create_topic,
    }
    with job_run(settings, contract, Job.PRODUCE, cycle_id, parameters) as run:
        sample = _Sample(contract)
        target = TARGETS[type(contract.source)]
        delivery = Delivery(settings, contract, run.cycle_id, create_topic, sample.watch)
        if source_file:
            sent = target.send_file(contract.source, delivery, Path(source_file))
        else:
            chunks = simulate(contract, messages, seed=seed or 0, start=began, bad_share=bad_share)
            sent = target.send(contract.source, delivery, chunks)
        run.counts = sent.counts
        return Produced(
            cycle_id=run.cycle_id,
            counts=sent.counts,
            target=sent.target,
            seed=seed,
            start=first,
            messages_per_partition=sent.per_partition,
            failures=sent.failures,
            sample=tuple(sample.values),
        )


def _default_number(settings: Settings, contract: Contract) -> int:
    default = default_messages(settings, contract)
    if default.why_none:
        log.info("nothing is simulated unless you ask for it with the parameter messages", because=default.why_none)
    return default.messages


class _Sample:
    """Keeps the messages of a few sensors: enough for a plot, however many messages there are, and however wide they are."""

    def __init__(self, contract: Contract, sensors: int = 5) -> None:
        self._contract = contract
        self.values: list[bytes] = []
        self._keys: set[bytes] = set()
        self._sensors = sensors
        self._limit = max(1, min(2_000, 200_000 // len(contract.columns)))

    def watch(self, chunks: Chunks) -> Chunks:
        for chunk in chunks:
            for message in chunk if len(self.values) < self._limit else ():
                if message.key and len(self._keys) < self._sensors:
                    self._keys.add(message.key)
                # The lines of a file have no keys; the first ones are kept.
                if message.value and (message.key in self._keys or self._contract.source.format.is_tabular):
                    self.values.append(message.value)
            yield chunk


def _start(contract: Contract, start: str | None, seed: int | None, messages: int) -> datetime:
    if start:
        try:
            return datetime.fromisoformat(start)
        except ValueError:
            raise ConfigurationError(f"start is {start!r}.", remedy="Give an ISO time: 2025-06-15 09:12:01.") from None
    if seed is not None:
        return DEFAULT_START
    return (datetime.now(UTC) - span(contract, messages)).replace(microsecond=0, tzinfo=None)
