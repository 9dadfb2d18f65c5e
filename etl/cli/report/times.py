"""Times for people."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(when: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
