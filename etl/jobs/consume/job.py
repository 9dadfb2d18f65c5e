"""Job 2: read what is new in the feed's source and write it as batches of part CSVs, for a bounded time."""

from __future__ import annotations

from typing import Any

import structlog

from etl.audit.job import job_run
from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.consume import backlog
from etl.jobs.consume.consumed import Consumed
from etl.jobs.consume.readers import READERS
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.locks import wait_for_spark

log = structlog.get_logger("consume")


def consume(
    settings: Settings,
    contract: Contract,
    *,
    cycle_id: str = "",
    time_box_seconds: float = 120.0,
    until: str = "caught_up",
    batch_seconds: float = 5.0,
    accept_gap: str = "",
) -> Consumed:
    """Read what the source has received since the last job, as batches under `output/<feed>/`.

    A batch of messages that was begun before a crash is written again with the same offsets and replaces the first. A file that
    was being read at the time of a crash is read again.

    :param time_box_seconds: time to read; a batch that is being written at its end may take up to twice as long as any before it.
        With a landing folder the job may run `stableSeconds` longer, because a file is watched that long before it is taken.
    :param until: `caught_up`: stop when everything that was there at the start is read; `time_box`: read until the time is over.
    :param batch_seconds: time between micro-batches with `time_box`.
    :param accept_gap: who accepts that messages which Kafka deleted before they were read are lost; recorded with their offsets
        in `etl_log.notes`. Empty: such a gap is an error.
    :raises TopicMissing: the topic does not exist.
    :raises RetentionGap: Kafka deleted messages that were not read.
    :raises StorageError: a Spark cluster's machines do not share `output/`.
    :raises BalanceError: the files do not contain what Spark reports to have written.
    """
    if until not in ("caught_up", "time_box"):
        raise ConfigurationError(f"until is {until!r}.", remedy="Use caught_up or time_box.")
    if time_box_seconds <= 0 or batch_seconds <= 0:
        raise ConfigurationError(
            f"time_box_seconds is {time_box_seconds:g} and batch_seconds {batch_seconds:g}.",
            remedy="Give more than 0 seconds.",
        )
    parameters: dict[str, Any] = {
        "time_box_seconds": time_box_seconds,
        "until": until,
        "batch_seconds": batch_seconds,
        "accept_gap": accept_gap,
    }
    with job_run(settings, contract, Job.CONSUME, cycle_id, parameters) as run:
        output = manifests.feed_output(settings, contract.feed)
        output.mkdir(parents=True, exist_ok=True)
        wait_for_spark(settings, contract.feed)
        if leftovers := files.remove_temporaries(output):
            log.info("half-written batches removed", names=leftovers)
        consumed = READERS[type(contract.source)](settings, run.contract, contract.source, run, parameters)
        run.look(backlog.look_at(contract, consumed.backlog))
        log.info("read", messages=consumed.counts.read, unparsable=consumed.counts.rejected, backlog=consumed.backlog)
        return consumed
