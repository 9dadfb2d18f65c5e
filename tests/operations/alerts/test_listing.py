"""Incidents are listed with what people were told of them."""

from __future__ import annotations

from etl.audit.incidents.finding import Kind
from etl.operations.alerts.listing import list_incidents
from etl.operations.alerts.send import send
from tests.support.alerts import Webhook, see
from tests.support.stack import Project


def test_the_newest_come_first_with_their_messages(told: Project, webhook: Webhook) -> None:
    see(told, Kind.STALE, "")
    see(told, Kind.SILENT_SENSOR, "a", feed="rooms")
    send(told.settings)
    see(told, Kind.STALE)
    found = list_incidents(told.settings)["incidents"]
    assert [(row["kind"], row["feed"], row["key"]) for row in found] == [("silent_sensor", "rooms", "a")]
    (message,) = found[0]["alerts"]
    assert (message["receiver"], message["event"], message["status"]) == (webhook.label, "opened", "SENT")
    everything = list_incidents(told.settings, resolved=True)["incidents"]
    assert [row["kind"] for row in everything] == ["silent_sensor", "stale"]
    assert [(m["event"], m["status"]) for m in everything[1]["alerts"]] == [("opened", "SENT"), ("resolved", "WAITING")]
    assert [row["feed"] for row in list_incidents(told.settings, feed="tanks", resolved=True)["incidents"]] == ["tanks"]
    assert len(list_incidents(told.settings, resolved=True, limit=1)["incidents"]) == 1
