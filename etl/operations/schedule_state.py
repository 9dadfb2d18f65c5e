"""What a running schedule says of itself in `.services/schedules/`, for `status` and for whoever watches memory over weeks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from etl.notebook.kernel import Usage, WarmKernel, usage
from etl.settings import Settings


@dataclass(frozen=True)
class Standing:
    """A schedule as it stands: times in ISO 8601 (UTC), memory in bytes."""

    pid: int
    created: float
    """When the process began; with the pid it names the process for good."""
    every: str
    feeds: tuple[str, ...]
    since: str
    cycles: int = 0
    failed: int = 0
    last_seconds: float | None = None
    next_due: str | None = None
    """None while a cycle runs."""
    own: Usage = field(default_factory=Usage)
    kernel: Usage = field(default_factory=Usage)
    """Kernel and Spark's JVM together; zeros where none is kept."""
    kernel_cycles: int = 0


class Watch:
    """Writes down how a schedule stands whenever that changes."""

    def __init__(self, file: Path, standing: Standing, kernel: WarmKernel | None) -> None:
        self._file = file
        self._kernel = kernel
        self.standing = standing

    def cycle_ended(self, seconds: float, *, failed: bool) -> None:
        """Count a cycle and look at what this process and the kernel hold."""
        now = self.standing
        self._write(
            replace(
                now,
                cycles=now.cycles + 1,
                failed=now.failed + failed,
                last_seconds=round(seconds, 3),
                own=usage(psutil.Process()),
                kernel=self._kernel.usage() if self._kernel else Usage(),
                kernel_cycles=self._kernel.cycles_done if self._kernel else 0,
            )
        )

    def waits_until(self, due: datetime | None) -> None:
        """When the next cycle begins; None: it runs."""
        self._write(replace(self.standing, next_due=due.isoformat() if due else None))

    def _write(self, standing: Standing) -> None:
        self.standing = standing
        # Nobody's cycle fails because its watcher cannot be told.
        with suppress(OSError):
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(standing)), "utf-8")
            temporary.replace(self._file)


@contextmanager
def watching(settings: Settings, every: str, feeds: tuple[str, ...], kernel: WarmKernel | None) -> Iterator[Watch]:
    """Say how this process's schedule stands, until it ends."""
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        if _read(file) is None:
            file.unlink(missing_ok=True)
    file = folder / f"{os.getpid()}.json"
    own = psutil.Process()
    standing = Standing(os.getpid(), own.create_time(), every, feeds, datetime.now(UTC).isoformat(), own=usage(own))
    watch = Watch(file, standing, kernel)
    watch.waits_until(None)
    try:
        yield watch
    finally:
        file.unlink(missing_ok=True)


def schedules(settings: Settings) -> list[Standing]:
    """The schedules that run now on this machine, the oldest first."""
    found = filter(None, map(_read, _folder(settings).glob("*.json")))
    return sorted(found, key=lambda standing: standing.since)


def _folder(settings: Settings) -> Path:
    return settings.services / "schedules"


def _read(file: Path) -> Standing | None:
    """What a living schedule wrote; None where its process has ended, or the file is torn."""
    try:
        told = json.loads(file.read_text("utf-8"))
        process = psutil.Process(told["pid"])
        if abs(process.create_time() - told["created"]) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return None
        both = {name: Usage(**told.pop(name)) for name in ("own", "kernel")}
        return Standing(**{**told, **both, "feeds": tuple(told["feeds"])})
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
