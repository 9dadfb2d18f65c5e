"""How a job reads each kind of source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from etl.audit.job import JobRun
from etl.contract.model import EvolvedContract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.jobs.consume.consumed import Consumed
from etl.jobs.consume.folder import read_folder
from etl.jobs.consume.topic import read_new_messages
from etl.settings import Settings

Reader = Callable[[Settings, EvolvedContract, Any, JobRun, Mapping[str, Any]], Consumed]
"""Reads what is new; the third argument is the contract's source, of the reader's kind, the last the job's parameters."""

READERS: Mapping[type[FeedSource], Reader] = {KafkaTopic: read_new_messages, LandingFolder: read_folder}
