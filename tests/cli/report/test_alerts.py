"""What is printed below the table of incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from etl.cli.report.alerts import lines

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_each_receiver_that_does_not_take_its_messages_has_one_line() -> None:
    def alert(receiver: str, attempts: int, error: str | None, minute: int) -> dict[str, Any]:
        when = WHEN.replace(minute=minute)
        named = {"receiver": receiver, "status": "WAITING", "attempts": attempts}
        return {**named, "last_error": error, "next_attempt_at": when}

    alerts = [
        alert("json://a", 2, "error=500", 7),
        alert("json://a", 3, "error=502.", 8),
        alert("json://b", 0, None, 9),
    ]
    assert list(lines([{"alerts": alerts}, {"alerts": []}], [])) == [
        "json://a did not take its messages (error=502; attempts: 3). It gets them after 2026-01-02 03:08:05 UTC, or now by"
        " `python -m etl alerts send`."
    ]


def test_what_is_muted_is_named() -> None:
    by = {"muted_by": "ada", "until": WHEN}
    mutes = [{**by, "kind": "stale", "feed": "tanks"}, {**by, "kind": "", "feed": ""}]
    assert list(lines([], mutes)) == [
        "Muted by ada until 2026-01-02 03:04:05 UTC: stale of tanks.",
        "Muted by ada until 2026-01-02 03:04:05 UTC: all kinds of every feed.",
    ]
