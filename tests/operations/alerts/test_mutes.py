"""Kinds of incidents are muted for a while, and by mistake never for ever."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.errors import ConfigurationError
from etl.operations.alerts.listing import list_incidents
from etl.operations.alerts.mutes import mute, unmute
from etl.settings import Settings
from tests.support.stack import Project


def test_what_is_muted_is_listed_with_who_did_it_until_when(told: Project) -> None:
    until = mute(told.settings, "stale", "tanks", "2h")
    mute(told.settings, "all", "", "1w")
    assert abs(until - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    first, second = list_incidents(told.settings)["mutes"]
    assert (first["kind"], first["feed"], first["muted_by"]) == ("stale", "tanks", getpass.getuser())
    assert abs(first["until"] - until) < timedelta(milliseconds=1)
    assert (second["kind"], second["feed"]) == ("", "")
    unmute(told.settings, "stale", "tanks")
    assert [row["kind"] for row in list_incidents(told.settings)["mutes"]] == [""]


def test_only_what_is_muted_can_be_unmuted(told: Project) -> None:
    mute(told.settings, "stale", "tanks", "2h")
    for kind, feed in (("stale", ""), ("stale", "rooms"), ("backlog", "tanks"), ("all", "")):
        with pytest.raises(ConfigurationError, match="is not muted"):
            unmute(told.settings, kind, feed)


@pytest.mark.parametrize(
    ("kind", "duration", "message"),
    [
        ("stail", "2h", "'stail' is no kind of incident"),
        ("", "2h", "'' is no kind of incident"),
        ("stale", "2", "'2' is no duration"),
        ("stale", "0h", "'0h' is no duration"),
        ("stale", "99999w", "'99999w' is no duration"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, kind: str, duration: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        mute(Settings.load(home=tmp_path), kind, "", duration)
