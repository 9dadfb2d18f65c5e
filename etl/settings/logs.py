"""The log of this process: what its jobs, commands and schedules report.

With ETL_LOG_FORMAT=json it is one JSON object a line on standard error, with the ids of the job or cycle that it is about. As
text it looks as the notebook or the command has set it. A schedule can have it in a rotated file instead.

Lines of libraries are part of it. Of those only the first line is kept: the rest may contain row data.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from etl.errors import ConfigurationError

FILE_BYTES = 10_000_000
"""A log file of this size becomes FILE.1, FILE.1 becomes FILE.2, and so on."""
FILES_KEPT = 5
_FIRST_LINE_LENGTH = 300
_OWN = "etl"
"""The logger of the standard library through which our lines go; they are marked by it."""
_FINISHED = "is_finished"
"""Marks a line that another process has written in the form that it has here."""


class _StandardError:
    """Wherever standard error leads when a line is written: a notebook replaces it."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


@dataclass
class _Log:
    """How this process logs."""

    is_json: bool | None = None
    """None: no settings were loaded yet."""
    mask: Callable[[str], str] = str
    ids: dict[str, Any] = field(default_factory=dict)
    file: logging.Handler | None = None


_log = _Log()
_standard_error: logging.Handler = logging.StreamHandler(_StandardError())


def use(form: str, mask: Callable[[str], str]) -> None:
    """Log in this form from now on; a file stays. `Settings.load` calls it.

    :param form: `text` or `json`.
    :param mask: removes secrets from a line.
    """
    before, _log.is_json, _log.mask = _log.is_json, form == "json", mask
    if _log.is_json or _log.file:
        _configure()
    elif before:
        _reset()


def in_json() -> bool:
    """Whether lines are JSON objects; before any settings are loaded, what the environment says."""
    return os.environ.get("ETL_LOG_FORMAT") == "json" if _log.is_json is None else _log.is_json


@contextmanager
def about(**ids: Any) -> Iterator[None]:
    """While the block runs, JSON objects have these ids, in all threads: a process runs one job at a time."""
    before = _log.ids
    _log.ids = {**before, **ids}
    try:
        yield
    finally:
        _log.ids = before


def tell(event: str, *, level: str = "info", **fields: Any) -> None:
    """A JSON object about something that text does not need, because what is printed shows it; nothing in text."""
    if in_json():
        _write(event, level, fields)


def say(text: str, event: str, *, level: str = "info", **fields: Any) -> bool:
    """Log what would be printed, as `event` with its fields or, in a file of text, as `text`; False: print it."""
    if in_json():
        _write(event, level, fields)
        return True
    if _log.file:
        _write(text, level, {})
    return _log.file is not None


@contextmanager
def into_file(path: Path | None) -> Iterator[None]:
    """While the block runs, the log goes into a file, which is rotated; None: it stays where it is.

    :raises ConfigurationError: the file cannot be written.
    """
    if path is None:
        yield
        return
    try:
        _log.file = RotatingFileHandler(
            path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as error:
        raise ConfigurationError(
            f"The log file {path} cannot be written: {error.strerror}.",
            remedy="Name a file that you may write, in a folder that exists.",
        ) from None
    _configure()
    try:
        yield
    finally:
        file, _log.file = _log.file, None
        logging.getLogger().removeHandler(file)
        file.close()
        if _log.is_json:
            _configure()
        else:
            _reset()


class Forwarded:
    """Standard error of a kernel, as papermill reads it: its JSON objects become lines of this process's log."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str) -> None:
        """:param text: may begin and end in the middle of a line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.startswith('{"timestamp": '):
                logging.getLogger(_OWN).info(line, extra={_FINISHED: True})

    def flush(self) -> None:
        """Nothing: whole lines are written at once."""


def line_at_once(text: str) -> bytes:
    """A line for standard error that a signal's handler can write, which may have interrupted any other output."""
    if not in_json():
        return f"\n{text}\n".encode()
    return f"{_rendered('info', text, {})}\n".encode()


def _write(event: str, level: str, fields: dict[str, Any]) -> None:
    import structlog

    _configure()
    getattr(structlog.get_logger(), level)(event, **fields)


def _configure() -> None:
    """Let structlog and the standard library write to the same place, in the same form."""
    import structlog

    chosen = _log.file or _standard_error
    render = structlog.stdlib.ProcessorFormatter(processors=[_line])
    chosen.setFormatter(render)
    root = logging.getLogger()
    if chosen is not _standard_error:
        root.removeHandler(_standard_error)
    root.addHandler(chosen)
    logging.getLogger(_OWN).setLevel(logging.INFO)
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=lambda *_: logging.getLogger(_OWN),
    )


def _reset() -> None:
    import structlog

    logging.getLogger().removeHandler(_standard_error)
    structlog.reset_defaults()


def _line(_logger: object, level: str, event: MutableMapping[str, Any]) -> str:
    """The last step of structlog: a line from an event."""
    record: logging.LogRecord = event["_record"]
    if getattr(record, _FINISHED, False):
        return str(event["event"])
    if event["_from_structlog"]:
        fields = {name: value for name, value in event.items() if name not in ("event", "_record", "_from_structlog")}
        return _rendered(level, str(event["event"]), fields)
    first = (str(event["event"]).strip().splitlines() or [""])[0]
    return _rendered(level, first[:_FIRST_LINE_LENGTH], {"logger": record.name})


def _rendered(level: str, event: str, fields: dict[str, Any]) -> str:
    now = datetime.now(UTC)
    if in_json():
        when = now.isoformat(timespec="milliseconds")
        content = {"timestamp": when, "level": level, "event": event, **_log.ids, **fields}
        line = json.dumps(content, default=str, ensure_ascii=False)
    else:
        line = f"{now:%Y-%m-%d %H:%M:%S} UTC {event}" + "".join(f" {name}={value}" for name, value in fields.items())
    # What is no text, such as a file's name that is not UTF-8, stays readable, and the line valid.
    return _log.mask(line).encode("utf-8", "backslashreplace").decode("utf-8")
