"""Kinds of incidents of which nobody wants to be told for a while. They are opened and resolved all the same."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from etl.audit.incidents.finding import Kind
from etl.contract.durations import LONGEST_SECONDS, parse_duration
from etl.database.schema.migrations import connected
from etl.database.schema.tables.incident_tables import etl_alert_mute
from etl.errors import ConfigurationError
from etl.settings import Settings

ALL = "all"
_NAME_LENGTH = 128
_mute = etl_alert_mute.c


def mute(settings: Settings, kind: str, feed: str, duration: str) -> datetime:
    """Tell nobody of incidents of a kind; returns until when. What is open still then is told then.

    :param kind: or `all`.
    :param feed: only of this feed; empty: of every feed.
    :param duration: such as 30m, 2h or 7d.
    :raises ConfigurationError: the kind or the duration is none.
    """
    now, muted = datetime.now(UTC), _kind(kind)
    seconds = parse_duration(duration, "smhdw")
    if not seconds or seconds > LONGEST_SECONDS:
        raise ConfigurationError(f"{duration!r} is no duration.", remedy="Write 30m, 2h, 7d or 2w.")
    until = now + timedelta(seconds=seconds)
    row = {"kind": muted, "feed": feed, "until": until, "muted_by": getpass.getuser()[:_NAME_LENGTH], "created_at": now}
    with connected(settings, "alerts") as connection:
        connection.execute(insert(etl_alert_mute).values(**row))
    return until


def unmute(settings: Settings, kind: str, feed: str) -> None:
    """Tell of incidents of a kind again, also of those that were opened meanwhile and are open still.

    :raises ConfigurationError: this kind and feed is not muted.
    """
    now = datetime.now(UTC)
    is_meant = (_mute.kind == _kind(kind), _mute.feed == feed, _mute.until > now)
    with connected(settings, "alerts") as connection:
        if not connection.execute(update(etl_alert_mute).where(*is_meant).values(until=now)).rowcount:
            raise ConfigurationError(
                f"{kind} of {f'feed {feed}' if feed else 'every feed'} is not muted.",
                remedy="`python -m etl alerts list` shows what is muted; give the same kind and feed.",
            )


def muted_now(connection: Connection) -> list[dict[str, Any]]:
    """What is muted, all columns, the oldest first; an empty kind or feed means every one."""
    query = select(etl_alert_mute).where(_mute.until > datetime.now(UTC)).order_by(_mute.mute_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _kind(name: str) -> str:
    """How a kind is written in the table."""
    if name == ALL:
        return ""
    if name not in list(Kind):
        raise ConfigurationError(
            f"{name!r} is no kind of incident.", remedy=f"These are: {', '.join([*sorted(Kind), ALL])}."
        )
    return name
