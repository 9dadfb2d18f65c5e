"""Which code each benchmark measures, and whether it has changed since its figures were measured.

A result keeps a hash of that code and the versions of the libraries, so nothing has to be asked of Git: a clone without history
or an unpacked archive knows as much.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import connect, faucet
from benchmarks.environment import REQUIREMENTS
from benchmarks.figures import Result
from etl.settings import PROJECT_ROOT

_LOADING = ("etl/jobs/load", "etl/validation", "etl/database", "etl/audit", "etl/storage")
_CYCLE = ("etl/jobs", "etl/validation", "etl/database", "etl/audit", "etl/storage", "etl/notebook", "notebooks")
_SCHEDULE = (*_CYCLE, "etl/operations/cycle.py", "etl/operations/schedules", "benchmarks/alongside.py")
_SENT = ("benchmarks/data.py", "benchmarks/ours.py")


def _contest(name: str, *programs: str) -> tuple[str, ...]:
    return (f"benchmarks/contests/{name}.py", *(f"benchmarks/contenders/{program}" for program in programs), *_SENT)


SOURCES: Mapping[str, tuple[str, ...]] = {
    "api": ("etl/api", *_LOADING, "benchmarks/api.py"),
    "produce": ("etl/jobs/produce", "etl/storage/kafka", *_contest("produce", "produce.py")),
    "consume": ("etl/jobs/consume", "etl/storage", *_contest("consume", "consume.py")),
    "merge": ("etl/jobs/merge", "etl/storage", *_contest("merge", "merge.py")),
    "load": (*_LOADING, *_contest("load", "load.py")),
    "overhead": (*_CYCLE, "etl/operations/cycle.py", *_contest("overhead")),
    "whole": (
        *_CYCLE,
        "etl/operations/cycle.py",
        *_contest("whole", "whole_dlt.py", "fixed_time_box.py", "debezium", "faucet.yaml"),
    ),
    "growth": (*_CYCLE, "etl/operations/cycle.py", "benchmarks/growth.py", "benchmarks/batches.py", *_SENT),
    "latency": (*_SCHEDULE, "benchmarks/latency.py"),
    "soak": (*_SCHEDULE, "benchmarks/soak.py", "benchmarks/measured.py"),
}
"""For each benchmark the files and folders whose change makes its figures old: the project's part of the way that it measures,
its messages, and the programs that it measures. What they all stand on (settings, contracts, errors) is not among them, else
each change would make each figure old."""

_SKIPPED = ("__pycache__", ".ipynb_checkpoints")
_PIN = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Age:
    """When a result was measured, and what has changed since."""

    date: str = ""
    """Empty: the result does not say."""
    commit: str = ""
    has_changes: bool = False
    """Whether files differed from the commit."""
    changed: tuple[str, ...] = ()
    """Code and libraries that were others then."""

    @property
    def when(self) -> str:
        """Date and commit, for a person."""
        return f"{self.date}, commit {self.commit}{' with changes' if self.has_changes else ''}"


def stamp(name: str) -> dict[str, Any]:
    """What a result keeps about the moment and the code at which its measurement begins."""
    commit, has_changes = _commit()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "has_changes": has_changes,
        "sources": _digests(name),
    }


def age(name: str, result: Result) -> Age:
    """How old a result is, by the code and the pinned versions as they are now."""
    measured = result.get("measured")
    if not measured:
        return Age()
    then = measured["sources"]
    now = _digests(name)
    moved = [path for path in sorted({*then, *now}) if then.get(path) != now.get(path)]
    return Age(
        measured["at"][:10], measured["commit"], measured["has_changes"], (*moved, *_versions(result["machine"]))
    )


def _digests(name: str) -> dict[str, str]:
    return {path: digest(PROJECT_ROOT / path) for path in SOURCES[name]}


def digest(place: Path) -> str:
    """A hash of a file, or of the names and contents of all files of a folder; of none, if there is nothing."""
    found = hashlib.sha256()
    for file in sorted(_files(place)):
        found.update(f"{file.relative_to(place.parent).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for file in place.rglob("*"):
        if file.is_file() and not set(_SKIPPED) & set(file.parts):
            yield file


def _versions(machine: Mapping[str, Any]) -> Iterator[str]:
    """Libraries of which another version is pinned now than was measured."""
    theirs = {**_pins(REQUIREMENTS), **connect.versions(), **faucet.versions()}
    for kind, pins in (("versions", _pins(PROJECT_ROOT / "requirements.txt")), ("contenders", theirs)):
        for name, then in machine.get(kind, {}).items():
            if (now := pins.get(name, "none")) != then:
                yield f"{name} {then}, now {now}"


def _pins(file: Path) -> dict[str, str]:
    return dict(_PIN.findall(file.read_text("utf-8")))


def _commit() -> tuple[str, bool]:
    """The commit, and whether files differ from it, apart from what benchmarks write; without Git, that is not known."""
    try:
        commit = _git("rev-parse", "--short=9", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return commit, bool(changes)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
