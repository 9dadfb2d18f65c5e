"""Looks at other processes: at what they print, and at command lines, for what must not be in them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil


def read_until(output: IO[str] | None, text: str) -> str:
    """What a process prints up to the line that has this text; its end before that is a failure of the test."""
    assert output is not None
    read = ""
    for line in output:
        read += line
        if text in line:
            return read
    raise AssertionError(read)


@dataclass
class Seen:
    """What was seen of other processes: their command lines."""

    command_lines: set[bytes]

    def look(self) -> None:
        for process in psutil.pids():
            with contextlib.suppress(OSError):
                self.command_lines.add(Path(f"/proc/{process}/cmdline").read_bytes())


@contextlib.contextmanager
def watching_processes() -> Iterator[Seen]:
    """Reads the command line of every process, again and again."""
    seen, stop = Seen(set()), threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            seen.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
