"""Puts CSV files into a feed's landing folder, each complete or not at all, as a careful program would."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import structlog

from etl.audit.counts import Counts
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ConfigurationError
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.simulate import csv_header
from etl.settings import Settings
from etl.storage import files
from etl.storage.landing_folder import folder_of

log = structlog.get_logger("produce")


class FolderTarget:
    """Puts files into a landing folder, each under its final name only when it is complete."""

    def send(self, source: LandingFolder, delivery: Delivery, chunks: Chunks) -> Sent:
        """Write simulated lines as one file; none where there are no lines."""
        folder = _created_folder(delivery.settings, source)
        name = f"{delivery.contract.feed}_{_now()}_{delivery.cycle_id}.csv"
        hidden = folder / f".{name}"
        rows = 0
        with hidden.open("wb") as handle:
            if source.format.dialect.header:
                handle.write(csv_header(delivery.contract) + b"\n")
            for chunk in delivery.watch(chunks):
                rows += len(chunk)
                handle.write(b"".join((message.value or b"") + b"\n" for message in chunk))
            handle.flush()
            os.fsync(handle.fileno())
        if not rows:
            hidden.unlink()
            return Sent(Counts(), source.path, {0: 0})
        _show(hidden, folder / name)
        log.info("dropped", file=name, rows=rows)
        return Sent(Counts(read=rows, processed=rows), f"{source.path}/{name}", {0: rows})

    def send_file(self, source: LandingFolder, delivery: Delivery, file: Path) -> Sent:
        """Put a copy of a CSV file into the folder; its lines are counted when they are read."""
        if not file.is_file() or not file.name.lower().endswith((".csv", ".csv.gz")):
            raise ConfigurationError(f"{file} is no .csv or .csv.gz file.", remedy="Give the path of one.")
        folder = _created_folder(delivery.settings, source)
        # A file of this name that waits must not be overwritten.
        name = file.name if not (folder / file.name).exists() else f"{_now()}_{file.name}"
        hidden = folder / f".{name}"
        shutil.copyfile(file, hidden)
        files.sync_file(hidden)
        _show(hidden, folder / name)
        log.info("dropped", file=name)
        return Sent(Counts(), f"{source.path}/{name}", {0: 0})


def _created_folder(settings: Settings, source: LandingFolder) -> Path:
    folder = folder_of(settings, source)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"


def _show(hidden: Path, file: Path) -> None:
    """Give a complete file its final name."""
    hidden.replace(file)
    files.sync_folder(file.parent)
