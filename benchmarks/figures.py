"""What all measurements share: how results are kept, and which failures affect only one figure."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import psycopg
from kafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError

from etl.errors import EtlError

Result = dict[str, Any]
"""A measurement's figures, ready for JSON."""
Keep = Callable[[Result], None]
"""Stores the result so far."""
Tell = Callable[[str], None]

FAILURES = (
    RuntimeError,
    OSError,
    subprocess.SubprocessError,
    EtlError,
    KafkaError,
    psycopg.Error,
    SQLAlchemyError,
)
"""Failures of a program, a service or the disk that make one piece fail, while the others continue."""


ROUNDS = 5
"""A figure that a target or the README names is the median of at least so many rounds."""


@contextmanager
def attempt(what: str, failed: list[dict[str, str]], tell: Tell) -> Iterator[None]:
    """Do one piece; if it fails, note its name and the last line of the error, and go on."""
    try:
        yield
    except FAILURES as error:
        tell(f"{what} did not finish: {error}")
        lines = str(error).strip().splitlines() or [type(error).__name__]
        failed.append({"what": what, "why": lines[-1][:300]})


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and most."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def require(what: str, counted: int, expected: int) -> None:
    """Refuse figures whose rows are not those that were expected.

    :raises RuntimeError: naming both numbers.
    """
    if counted != expected:
        raise RuntimeError(f"{what}: {counted:,} were found, {expected:,} expected.")


def dumps(result: Result) -> str:
    """JSON for a repository: indented, but a list of numbers in one line."""
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", _in_one_line, json.dumps(result, indent=1))


def _in_one_line(numbers: re.Match[str]) -> str:
    return f"[{', '.join(number.strip() for number in numbers[0][1:-1].split(','))}]"
