"""A first contract of a new feed, drafted from a sample: into a file that can be used at once, or asks for a decision first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from etl.contract.document import IDENTIFIER, SUFFIX
from etl.contract.draft.samples.content import plain_suffix
from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.writer import ASSUMED, NO_KEY, TOO_WIDE, draft
from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.reader import OWN_FOLDER, contract_files, own_folders, parse_contract
from etl.contract.sources.path_pattern import has_wildcard
from etl.contract.todo import Question, open_questions
from etl.contract.yaml_lines import YamlLines
from etl.errors import ConfigurationError
from etl.settings import Settings

_OF_TOPICS = (JsonObjects, AvroRecords)
"""Formats whose feeds read a topic, unless a landing folder is given."""


@dataclass(frozen=True)
class Drafted:
    """A contract that was written."""

    file: Path
    undecided: tuple[Question, ...]
    """What a person must decide before the contract can be used."""
    assumed: tuple[str, ...]
    """What the sample cannot show and was assumed, with the line in the file; it is worth a look before the first run."""
    too_wide: tuple[str, ...] = ()
    """Why the contract rejects all lines of the sample, with the line in the file; empty where it does not."""


def require_new(settings: Settings, name: str) -> None:
    """:raises ConfigurationError: no feed can have this name, or one has it."""
    if not IDENTIFIER.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a feed.", remedy="Use lower-case letters, digits and _ (at most 48)."
        )
    if name in contract_files(settings):
        raise ConfigurationError(f"There is a feed {name!r} already.", remedy="Give another name.")


def draft_contract(settings: Settings, name: str, sample: Sample, *, topic: str = "", landing: str = "") -> Drafted:
    """Write the contract into the first folder of `ETL_FEEDS`, or `contracts/` of ETL_HOME, which is made.

    :param topic: of the feed; by default, for JSON, the feed's name.
    :param landing: its landing folder; by default, for CSV and Parquet, landing/NAME.
    :raises ConfigurationError: the feed or the file exists, or the sample does not fit topic or folder.
    """
    require_new(settings, name)
    topic, landing = _source(name, sample, topic, landing)
    text = draft(name, sample, topic=topic, landing=landing)
    file = next(iter(own_folders(settings)), settings.home / OWN_FOLDER) / f"{name}{SUFFIX}"
    undecided = tuple(open_questions(text, YamlLines(text)))
    if not undecided:
        parse_contract(text, file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error}",
            remedy="Nothing is overwritten. Remove what is in its place, or set ETL_FEEDS to a folder that can be written.",
        ) from None
    return Drafted(file, undecided, (*_sentences(text, NO_KEY), *_assumed(text)), tuple(_sentences(text, TOO_WIDE)))


def _assumed(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        value, _, comment = line.partition("  # ")
        if comment.startswith(ASSUMED):
            yield f"line {number}: {value.strip()} is {comment}"


def _sentences(text: str, start: str) -> Iterator[str]:
    """The comments that begin so, as a whole, with their lines."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith(f"# {start}"):
            more = takewhile(lambda further: further.startswith("#  "), lines[number:])
            yield f"line {number}: {' '.join([line.removeprefix('# '), *(further[3:] for further in more)])}"


def _source(name: str, sample: Sample, topic: str, landing: str) -> tuple[str, str]:
    """Topic and landing folder, of which one is empty."""
    if topic and landing:
        raise ConfigurationError(
            f"--topic {topic} and --landing {landing}: a feed has a topic or a landing folder.",
            remedy="Give --topic or --landing, not both.",
        )
    if landing and not sample.files:
        raise ConfigurationError(
            f"--landing {landing}: the sample is of a topic.", remedy="Give --from with files, or leave --landing out."
        )
    if topic or (not landing and isinstance(sample.form, _OF_TOPICS)):
        return topic or name, ""
    return "", _with_ending(landing or f"landing/{name}", sample)


def _with_ending(landing: str, sample: Sample) -> str:
    """The landing folder; with a pattern where the names of the sample's files end as no file of the format is expected to."""
    endings = {plain_suffix(file) for file in sample.files} - {*sample.form.suffixes, ""}
    return f"{landing}/*{min(endings)}" if len(endings) == 1 and not has_wildcard(landing) else landing
