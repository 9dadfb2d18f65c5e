"""What a message says: never row data, never a secret. Cause and remedy are those of the incident, as the audit log has them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from etl.audit.incidents.register import OPENED, RESOLVED
from etl.audit.states import Job
from etl.contract.durations import moment
from etl.notebook.page.executed import LARGEST, has_failed, page_address
from etl.settings import Settings

_DIGEST_LINES = 50
_CAUSE_LENGTH = 200
"""Characters of a cause in a digest."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A message. Its type is that of apprise, which some receivers show as a colour."""

    subject: str
    body: str
    type: Literal["failure", "warning", "success", "info"] = "info"


TEST = Text("etl: test message", "A test by `python -m etl alerts test`. Messages about incidents will arrive here.")


def text_of(message: Row, settings: Settings) -> Text:
    """The text about one incident that was opened or resolved.

    :param message: as `outbox.waiting` gives it.
    """
    lines = _duration_lines(message) if message["event"] == RESOLVED else {}
    lines |= {
        "Feed": message["feed"],
        "Kind": f"{message['kind']} ({message['severity']})",
        "About": _plain(message["key"]),
        "Since": moment(message["opened_at"]),
        "Job": message["job_name"],
        "Cause": message["cause"],
        "Remedy": message["remedy"],
        "Cycle": message["cycle_id"],
        "Notebook": _notebook(message["notebook"], settings.home),
        "Page": _page(message, settings),
        "More": f"python -m etl explain {message['cycle_id']}"
        if message["cycle_id"]
        else "python -m etl alerts list --all",
        "Incident": message["incident_id"],
    }
    body = "\n".join(f"{name}: {value}" for name, value in lines.items() if value)
    subject = f"[{message['feed']}] {_title(message)}: {message['event']}"
    return Text(subject, body, _type([message]))


def digest_of(messages: Sequence[Row]) -> Text:
    """One text about many incidents, a line each; beyond fifty only how many more there are."""
    feeds = sorted({message["feed"] for message in messages})
    where = feeds[0] if len(feeds) == 1 else f"{len(feeds)} feeds"
    number = Counter(message["event"] for message in messages)
    subject = f"[{where}] {', '.join(f'{number[event]:,} {event}' for event in (OPENED, RESOLVED) if number[event])}"
    lines = [_digest_line(message) for message in messages[:_DIGEST_LINES]]
    if more := len(messages) - len(lines):
        lines.append(f"… and {more:,} more")
    body = "\n".join([*lines, "", "More: python -m etl alerts list --all"])
    return Text(subject, body, _type(messages))


def _digest_line(message: Row) -> str:
    cause = _plain(message["cause"])
    cause = cause if len(cause) <= _CAUSE_LENGTH else f"{cause[: _CAUSE_LENGTH - 1]}…"
    what = cause if message["event"] == OPENED else f"open for {_open_for(message)}"
    return f"{message['event']}: {message['feed']}, {_title(message)} (incident {message['incident_id']}): {what}"


def _duration_lines(message: Row) -> dict[str, Any]:
    return {
        "Resolved": f"{moment(message['resolved_at'])}, after {_open_for(message)}",
        "Resolved by": f"cycle {message['resolved_in']}" if message["resolved_in"] else "",
    }


def _open_for(message: Row) -> timedelta:
    """For how long an incident was open, to the second; as text `1 day, 2:03:04`."""
    return timedelta(seconds=round((message["resolved_at"] - message["opened_at"]).total_seconds()))


def _title(message: Row) -> str:
    return f"{message['kind']} {_plain(message['key'])}".rstrip()


def _type(messages: Sequence[Row]) -> Literal["failure", "warning", "success"]:
    severities = {message["severity"] for message in messages if message["event"] == OPENED}
    if not severities:
        return "success"
    return "failure" if "error" in severities else "warning"


def _plain(text: str) -> str:
    """A text in one line: a sensor's name may hold what would end the line of a subject."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _notebook(path: str | None, home: Path) -> str:
    """An executed notebook, and its cell that failed."""
    if not path:
        return ""
    cell = _failed_cell(home / path)
    return path if cell is None else f"{path}, cell In [{cell}]"


def _page(message: Row, settings: Settings) -> str:
    """Where a browser shows the notebook; a job that was run by hand has none there."""
    runs = settings.runs.relative_to(settings.home).as_posix()
    if not (message["notebook"] or "").startswith(f"{runs}/"):
        return ""
    return page_address(settings, message["cycle_id"], Job(message["job_name"]))


def _failed_cell(notebook: Path) -> int | None:
    """The number that stands beside the cell that failed; None where none did, or the notebook cannot be read here."""
    try:
        if notebook.stat().st_size > LARGEST:
            return None
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        failed = [cell["execution_count"] for cell in cells if has_failed(cell)]
        return int(failed[0]) if failed else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
