"""How many readings are simulated by default: 10,000 on a first try, and none where there may be real readings.

This is the only place that decides it, for the command line, notebooks run by hand, schedules and the dashboards' demo.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.contract.reader import PACKAGED, Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.landing_folder import folder_of

BY_DEFAULT = -1
"""As a number of messages: what `default_messages` returns."""
MESSAGES = 10_000


def require_one_origin(messages: int, source_file: str) -> None:
    """:raises ConfigurationError: both a number of simulated readings and a file are given: only one of them would be sent."""
    if source_file and messages > 0:
        raise ConfigurationError(
            f"Both {messages:,} simulated messages and the file {source_file} are given.",
            remedy="Leave out the number of messages (--messages) or the file (--file). A file is sent as a whole.",
        )


@dataclass(frozen=True)
class Default:
    """How many messages are simulated unless a number is given."""

    messages: int
    why_none: str = ""
    """Why it is 0, in words that follow "because"; empty where it is not 0."""


def default_messages(settings: Settings, contract: Contract) -> Default:
    """10,000 where contract, database and source are all the project's and have only simulated readings; otherwise none.

    Reads only settings and folders: no service needs to run.
    """
    why_none = _why_none(settings, contract)
    return Default(0 if why_none else MESSAGES, why_none)


def _why_none(settings: Settings, contract: Contract) -> str:
    if contract.file.resolve().parent != PACKAGED:
        return "its contract is your own"
    if not settings.database_is_embedded:
        return "the database is your own"
    return _WHY_NONE[type(contract.source)](settings, contract, contract.source)


def _why_none_into_topic(settings: Settings, contract: Contract, source: KafkaTopic) -> str:
    return "" if settings.kafka_is_embedded else "Kafka is your own"


def _why_none_into_folder(settings: Settings, contract: Contract, source: LandingFolder) -> str:
    folder = folder_of(settings, source)
    # A link may lead out of ETL_HOME.
    if not folder.resolve().is_relative_to(settings.home):
        return f"its landing folder {folder} is outside ETL_HOME"
    backup = manifests.feed_backup(settings, contract.feed)
    endings = source.format.suffixes
    for place, names in (
        (folder, _files_below(folder)),
        (backup / "landing", _files_below(backup / "landing")),
        # Folders in it are batches that were set aside.
        (manifests.quarantine(settings, contract.feed), _files_in(manifests.quarantine(settings, contract.feed))),
    ):
        if name := next(_user_files(names, contract.feed, endings), None):
            return f"{files.shown_name(name)} in {place.relative_to(settings.home)} is a file of yours"
    return ""


_WHY_NONE: Mapping[type[FeedSource], Callable[[Settings, Contract, Any], str]] = {
    KafkaTopic: _why_none_into_topic,
    LandingFolder: _why_none_into_folder,
}


def _user_files(names: Iterable[str], feed: str, endings: tuple[str, ...]) -> Iterator[str]:
    """Names of files that `produce` did not write, also of hidden files that are still being written."""
    # As `etl.jobs.produce.file_drop` names them; in backup/ a file whose name was taken begins with its SHA-256.
    ending = "|".join(map(re.escape, endings))
    produced = re.compile(rf"\.?([0-9a-f]{{12}}-)?{re.escape(feed)}_\d{{8}}T\d{{12}}Z_.+({ending})(\.gz)?")
    for name in names:
        is_marker = name.startswith(".") and not any(ending in name.lower() for ending in endings)
        if not is_marker and not produced.fullmatch(name):
            yield name


def _files_below(folder: Path) -> Iterator[str]:
    return (name for _, _, names in os.walk(folder) for name in names)


def _files_in(folder: Path) -> Iterator[str]:
    return (path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())
