"""The state of running schedules, one file each in `.services/schedules/`: for `status`, and to watch memory over weeks."""

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
class ScheduleState:
    """A running schedule: times in ISO 8601 (UTC), memory in bytes."""

    pid: int
    created: float
    """When the process began; together with the pid it identifies the process, also after the pid is used again."""
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
    """Kernel and Spark's JVM together; zeros where there is none."""
    kernel_cycles: int = 0


class Watch:
    """Writes the state of a schedule whenever it changes."""

    def __init__(self, file: Path, state: ScheduleState, kernel: WarmKernel | None) -> None:
        self._file = file
        self._kernel = kernel
        self.state = state

    def cycle_ended(self, seconds: float, *, failed: bool) -> None:
        """Count a cycle and measure what this process and the kernel hold."""
        now = self.state
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
        """Record when the next cycle begins; None: one is running."""
        self._write(replace(self.state, next_due=due.isoformat() if due else None))

    def _write(self, state: ScheduleState) -> None:
        self.state = state
        # A cycle does not fail because its state cannot be written.
        with suppress(OSError):
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(state)), "utf-8")
            temporary.replace(self._file)


@contextmanager
def watching(settings: Settings, every: str, feeds: tuple[str, ...], kernel: WarmKernel | None) -> Iterator[Watch]:
    """Keep the state of this process's schedule in a file until the schedule ends."""
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        if _read(file) is None:
            file.unlink(missing_ok=True)
    file = folder / f"{os.getpid()}.json"
    own = psutil.Process()
    state = ScheduleState(os.getpid(), own.create_time(), every, feeds, datetime.now(UTC).isoformat(), own=usage(own))
    watch = Watch(file, state, kernel)
    watch.waits_until(None)
    try:
        yield watch
    finally:
        file.unlink(missing_ok=True)


def schedules(settings: Settings) -> list[ScheduleState]:
    """The schedules that run now on this machine, the oldest first."""
    states = filter(None, map(_read, _folder(settings).glob("*.json")))
    return sorted(states, key=lambda state: state.since)


def _folder(settings: Settings) -> Path:
    return settings.services / "schedules"


def _read(file: Path) -> ScheduleState | None:
    """The state of a schedule that is running; None where its process has ended, or the file is incomplete."""
    try:
        written = json.loads(file.read_text("utf-8"))
        process = psutil.Process(written["pid"])
        if abs(process.create_time() - written["created"]) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return None
        both = {name: Usage(**written.pop(name)) for name in ("own", "kernel")}
        return ScheduleState(**{**written, **both, "feeds": tuple(written["feeds"])})
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
