"""A first contract of a new feed, drafted from a sample into a file that can be used at once."""

from __future__ import annotations

from pathlib import Path

from etl.contract.document import SUFFIX
from etl.contract.draft.sample import Sample, read_sample
from etl.contract.draft.writer import draft
from etl.contract.reader import contract_files, parse_contract
from etl.errors import ConfigurationError
from etl.settings import Settings


def draft_contract(settings: Settings, name: str, sample_file: Path, *, topic: str = "", landing: str = "") -> Path:
    """Write the contract into the first folder of `ETL_FEEDS`, or the current one; returns the file.

    :param topic: of the feed; by default, for JSON, the feed's name.
    :param landing: its landing folder; by default, for CSV, landing/NAME.
    :raises ConfigurationError: the feed or the file exists, or the sample does not fit topic or folder.
    """
    if name in contract_files(settings):
        raise ConfigurationError(f"There is a feed {name!r} already.", remedy="Give another name.")
    sample = read_sample(sample_file)
    topic, landing = _source(name, sample_file, sample, topic, landing)
    text = draft(name, sample, topic=topic, landing=landing)
    file = (settings.feeds[0] if settings.feeds else Path.cwd()) / f"{name}{SUFFIX}"
    parse_contract(text, file)
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{file} exists.", remedy="Remove or rename it; nothing is overwritten.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error}", remedy="Set ETL_FEEDS to a folder that can be written."
        ) from None
    return file


def _source(name: str, sample_file: Path, sample: Sample, topic: str, landing: str) -> tuple[str, str]:
    """Topic and landing folder, of which one is empty."""
    if topic and landing:
        raise ConfigurationError(
            f"--topic {topic} and --landing {landing}: a feed has a topic or a landing folder.",
            remedy="Give --topic or --landing, not both.",
        )
    if landing and not sample.is_csv:
        raise ConfigurationError(
            f"--landing {landing}: {sample_file.name} is not a CSV file.",
            remedy="Landing folders hold CSV files; give --topic.",
        )
    if topic or landing:
        return topic, landing
    return ("", f"landing/{name}") if sample.is_csv else (name, "")
