"""A sample of a new feed: its records, and what was found about the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.contract.formats.record_format import RecordFormat

RECORDS = 10_000
"""Most records of a sample that are read."""


@dataclass(frozen=True)
class TopicMessage:
    """A message as a job splits it: decoded where it could be."""

    value: bytes | None
    """None: a tombstone."""
    beside: Mapping[str, str]
    """What the message has besides its value, by the names of `Column.origin`."""


@dataclass(frozen=True)
class Sample:
    """Records, and the format in which they were written."""

    name: str
    """Of the file or files; or of the topic."""
    form: RecordFormat
    records: list[dict[str, Any]]
    """Objects are unchanged, except that NaN and infinite numbers are texts. A message that is an array is `{"$": [...]}`. A line
    of a CSV file is the text, or None, of each column, in the file's order.
    """
    evidence: tuple[str, ...] = ()
    """What was found about files and dialect, as in `delimiter ;: 7 fields in 500 of 500 lines`."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """Place in the contract that a person must decide, such as `csv.skipRows` → the question, with its candidates."""
    beside: list[Mapping[str, str]] = field(default_factory=list)
    """For each record of a topic, what its message has besides its value, by the names of `Column.origin`; else empty."""
    messages: tuple[TopicMessage, ...] = ()
    """All messages of a topic, also those that are no record; empty for files."""
    files: tuple[Path, ...] = ()
    left: int = 0
    """About how many records were not read, because there are more than `RECORDS`."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Column of a CSV file → its unit, where a line of the file names the units."""
