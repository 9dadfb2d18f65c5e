"""Incidents, and who was told of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from etl.audit.incidents.register import OPENED, RESOLVED, SENT, WAITING
from etl.cli.report.tables import new_table
from etl.contract.durations import moment


def incidents_table(incidents: Iterable[Mapping[str, Any]]) -> Table:
    """A line for each incident, with how many of its receivers know how it stands."""
    since, until = "since (UTC)", "until (UTC)"
    whole = ("feed", "kind", since, until, "told")
    table = new_table("id", "feed", "kind", "about", since, until, "told", "cause", numbers=("id",), whole=whole)
    for row in incidents:
        times = [_time(row["opened_at"]), _time(row["resolved_at"])]
        values = (row["incident_id"], row["feed"], row["kind"], row["key"], *times, _told(row), row["cause"])
        table.add_row(*(Text(str(value)) for value in values))
    return table


def lines(incidents: Iterable[Mapping[str, Any]], mutes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What the table does not show: receivers that do not take their messages, and what is muted."""
    refused = defaultdict[str, list[Mapping[str, Any]]](list)
    for row in incidents:
        for alert in row["alerts"]:
            if alert["status"] == WAITING and alert["last_error"]:
                refused[alert["receiver"]].append(alert)
    for receiver, alerts in refused.items():
        last = max(alerts, key=lambda alert: alert["next_attempt_at"])
        yield (
            f"{receiver} did not take its messages ({last['last_error'].rstrip('.')}; attempts: {last['attempts']})."
            f" It gets them after {moment(last['next_attempt_at'])}, or now by `python -m etl alerts send`."
        )
    for mute in mutes:
        what = f"{mute['kind'] or 'all kinds'} of {mute['feed'] or 'every feed'}"
        yield f"Muted by {mute['muted_by']} until {moment(mute['until'])}: {what}."


def _told(row: Mapping[str, Any]) -> str:
    event = RESOLVED if row["resolved_at"] else OPENED
    states = [alert["status"] for alert in row["alerts"] if alert["event"] == event]
    return f"{states.count(SENT)} of {len(states)}" if states else "–"


def _time(when: datetime | None) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if when else ""
