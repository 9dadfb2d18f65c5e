"""Puts files into a feed's landing folder, each complete or not at all, as a careful program would."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import structlog

from etl.audit.counts import Counts
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.path_pattern import example
from etl.errors import ConfigurationError
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.file_writers import WRITERS
from etl.settings import Settings
from etl.storage import files
from etl.storage.landing_folder import folder_of

log = structlog.get_logger("produce")


class FolderTarget:
    """Puts files into a landing folder, each under its final name only when it is complete."""

    def send(self, source: LandingFolder, delivery: Delivery, chunks: Chunks) -> Sent:
        """Write simulated messages as one file; none where there are no messages."""
        writer = WRITERS[type(source.format)]
        file = _place(
            delivery.settings, source, f"{delivery.contract.feed}_{_now()}_{delivery.cycle_id}", writer.ending
        )
        hidden = _hidden(file)
        with hidden.open("wb") as handle:
            rows = writer.write(handle, delivery.contract, delivery.watch(chunks))
            handle.flush()
            os.fsync(handle.fileno())
        if not rows:
            hidden.unlink()
            return Sent(Counts(), source.path, {0: 0})
        _show(hidden, file)
        log.info("dropped", file=file.name, rows=rows)
        return Sent(Counts(read=rows, processed=rows), _shown(delivery.settings, source, file), {0: rows})

    def send_file(self, source: LandingFolder, delivery: Delivery, file: Path) -> Sent:
        """Put a copy of a file of the feed's format into the folder; its records are counted when they are read."""
        is_fitting = source.takes(file.name) or file.name.lower().endswith(source.endings)
        if not file.is_file() or not is_fitting:
            kinds = " or ".join(source.format.suffixes)
            raise ConfigurationError(
                f"{file} is no {kinds} file.", remedy=f"Give the path of a {source.format.label} file, also compressed."
            )
        # A file of this name that waits must not be overwritten.
        target = folder_of(delivery.settings, source) / file.name
        if not source.takes(file.name) or target.exists():
            stem, dot, ending = file.name.partition(".")
            target = _place(delivery.settings, source, f"{_now()}_{stem}", f"{dot}{ending}")
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = _hidden(target)
        shutil.copyfile(file, hidden)
        files.sync_file(hidden)
        _show(hidden, target)
        log.info("dropped", file=target.name)
        return Sent(Counts(), _shown(delivery.settings, source, target), {0: 0})


def _place(settings: Settings, source: LandingFolder, stem: str, ending: str) -> Path:
    """A free place in the landing folder, from which a file is taken; its folder is there.

    :raises ConfigurationError: none can be made of the contract's pattern.
    """
    folder = folder_of(settings, source)
    name: str | None = f"{stem}{ending}"
    if not source.takes(f"{stem}{ending}"):
        name = example(source.pattern, stem)
    if name is None or not source.takes(name):
        raise ConfigurationError(
            f"No name for a file can be made that {source.path} matches.",
            remedy=f"Put your file into {folder} yourself.",
        )
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return folder / name


def _hidden(file: Path) -> Path:
    return file.with_name(f".{file.name}")


def _shown(settings: Settings, source: LandingFolder, file: Path) -> str:
    return f"{source.folder}/{file.relative_to(folder_of(settings, source)).as_posix()}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"


def _show(hidden: Path, file: Path) -> None:
    """Give a complete file its final name."""
    hidden.replace(file)
    files.sync_folder(file.parent)
