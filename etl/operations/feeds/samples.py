"""The sample from which a feed is drafted: files, or the newest messages of a topic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample
from etl.errors import ConfigurationError
from etl.settings import Settings


def sample_of(settings: Settings, files: Sequence[Path], topic: str, messages: int) -> Sample:
    """The sample that the command line names.

    :param messages: how many of the topic's newest messages are read.
    :raises ConfigurationError: files and a topic are named, or neither; or the sample cannot be read.
    """
    if bool(files) == bool(topic):
        given = f"Both --from {files[0]} and --from-topic {topic} are given." if files else "No sample is given."
        raise ConfigurationError(given, remedy="Give files (--from sample.json), or a Kafka topic (--from-topic NAME).")
    if not topic:
        return read_sample(files)
    from etl.operations.feeds.topic_sample import sample_topic

    return sample_topic(settings, topic, messages)
