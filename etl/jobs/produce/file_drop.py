"""Put CSV files into a feed's landing folder: whole or not at all, as a careful program would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from etl.audit.counts import Counts
from etl.contract.model import Landing
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import Message, csv_header
from etl.settings import Settings
from etl.storage import files
from etl.storage.landing_folder import landing_folder

log = structlog.get_logger("produce")


@dataclass(frozen=True)
class Sent:
    """What went where: to a topic's partitions, or into one file."""

    counts: Counts
    target: str
    per_partition: Mapping[int, int]
    failures: tuple[str, ...] = ()


def write(settings: Settings, contract: Contract, chunks: Iterator[list[Message]], cycle_id: str) -> Sent:
    """Write simulated lines as one file; it gets its name when it is whole. Without a line there is no file."""
    landing = contract.landing or Landing("")
    folder = landing_folder(settings, landing)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{contract.feed}_{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z_{cycle_id}.csv"
    hidden = folder / f".{name}"
    rows = 0
    with hidden.open("wb") as handle:
        if landing.header:
            handle.write(csv_header(contract) + b"\n")
        for chunk in chunks:
            rows += len(chunk)
            handle.write(b"".join((message.value or b"") + b"\n" for message in chunk))
        handle.flush()
        os.fsync(handle.fileno())
    if not rows:
        hidden.unlink()
        return Sent(Counts(), landing.path, {0: 0})
    hidden.replace(folder / name)
    files.sync_folder(folder)
    log.info("dropped", file=name, rows=rows)
    return Sent(Counts(read=rows, processed=rows), f"{landing.path}/{name}", {0: rows})


def copy(settings: Settings, landing: Landing, file: Path) -> Sent:
    """Put a copy of a file into the landing folder; its lines are counted as they are read."""
    if not file.is_file() or not file.name.lower().endswith((".csv", ".csv.gz")):
        raise ConfigurationError(f"{file} is no .csv or .csv.gz file.", remedy="Give the path of one.")
    folder = landing_folder(settings, landing)
    folder.mkdir(parents=True, exist_ok=True)
    # A file of this name that waits must not be overwritten.
    name = file.name if not (folder / file.name).exists() else f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z_{file.name}"
    hidden = folder / f".{name}"
    shutil.copyfile(file, hidden)
    files.sync_file(hidden)
    hidden.replace(folder / name)
    files.sync_folder(folder)
    log.info("dropped", file=name)
    return Sent(Counts(), f"{landing.path}/{name}", {0: 0})
