"""The sample from which a feed is drafted: files, or the newest messages of a topic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample
from etl.errors import ConfigurationError
from etl.settings import Settings

NEWEST = 500
"""Messages of a topic that are a sample, unless another number is given."""


def sample_of(settings: Settings, files: Sequence[Path], topic: str, messages: int | None = None) -> Sample:
    """The sample that the command line names.

    :param messages: how many of the topic's newest messages are read; None: `NEWEST`.
    :raises ConfigurationError: `require_one_sample` says when; or the sample cannot be read.
    """
    require_one_sample(files, topic, messages)
    if not topic:
        return read_sample(files)
    from etl.operations.feeds.topic_sample import sample_topic

    return sample_topic(settings, topic, NEWEST if messages is None else messages)


def require_one_sample(files: Sequence[Path], topic: str, messages: int | None) -> None:
    """:raises ConfigurationError: files and a topic are named, or neither; or a number of messages with files."""
    if bool(files) == bool(topic):
        given = f"Both --from {files[0]} and --from-topic {topic} are given." if files else "No sample is given."
        raise ConfigurationError(given, remedy="Give files (--from sample.json), or a Kafka topic (--from-topic NAME).")
    if files and messages is not None:
        raise ConfigurationError(
            f"--messages {messages} is given with the file {files[0]}.",
            remedy="Leave --messages out: it is the number of messages that are read with --from-topic.",
        )
