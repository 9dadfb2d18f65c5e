"""Every feed's simulator, held to the feed's own contract."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from etl.jobs.produce.simulate import CHUNK, DEFAULT_START, SIMULATORS, csv_header, span
from tests.support.simulated import CONTRACTS, made, require_good, time_of


@pytest.mark.parametrize("feed", CONTRACTS)
def test_good_messages_meet_their_contract_and_have_keys_of_their_own(feed: str) -> None:
    contract = CONTRACTS[feed]
    rows = require_good(contract, made(contract, CHUNK + 2_000))
    last = max(time_of(contract, row) for row in rows)
    expected = DEFAULT_START.replace(tzinfo=UTC) + span(contract, CHUNK + 2_000)
    assert expected - timedelta(minutes=2) <= last <= expected


@pytest.mark.parametrize("feed", CONTRACTS)
def test_no_simulator_makes_anything_of_zero_rows(feed: str) -> None:
    assert made(CONTRACTS[feed], 0, bad_share=0.5) == []


GOLDEN = {
    "sensor_readings": "dee8c5f4d34e",
    "device_events": "ea1171e6ca2e",
    "raw_iot": "caa28200d61b",
    "room_temperatures": "38c6e8df641b",
    "environment_telemetry": "9f4910a41a1d",
}


@pytest.mark.parametrize("feed", CONTRACTS)
def test_the_same_seed_gives_the_same_bytes(feed: str) -> None:
    digest = hashlib.sha256()
    for message in made(CONTRACTS[feed], CHUNK + 500, bad_share=0.05):
        digest.update(b"%s\t%s\n" % (message.key or b"", message.value))
    assert digest.hexdigest()[:12] == GOLDEN[feed]


@pytest.mark.parametrize("feed", CONTRACTS)
def test_every_kind_of_bad_message_occurs_in_the_share_asked_for(feed: str) -> None:
    clean, spoiled = made(CONTRACTS[feed], 5_000), made(CONTRACTS[feed], 5_000, bad_share=0.2)
    assert len(clean) == len(spoiled) == 5_000
    # Stuck sensors and a first reading that cannot be sent again blur the figure a little.
    assert sum(a != b for a, b in zip(clean, spoiled, strict=True)) == pytest.approx(1_000, rel=0.15)
    assert len(SIMULATORS[feed].spoilers) >= 10


def test_a_csv_line_is_one_line_without_key() -> None:
    for feed in ("room_temperatures", "environment_telemetry"):
        for message in made(CONTRACTS[feed], 3_000, bad_share=0.5):
            assert message.key is None
            assert b"\n" not in (message.value or b"")


def test_headers_name_the_columns_of_the_source() -> None:
    assert csv_header(CONTRACTS["room_temperatures"]) == b"id,room_id/id,noted_date,temp,out/in"
    assert csv_header(CONTRACTS["environment_telemetry"]) == b"ts,device,co,humidity,light,lpg,motion,smoke,temp"


@pytest.mark.parametrize(("feed", "field"), [("raw_iot", "timestamp"), ("device_events", "eventTime")])
def test_late_readings_lie_further_back_than_the_contract_allows(feed: str, field: str) -> None:
    contract, late, newest = CONTRACTS[feed], 0, datetime.min.replace(tzinfo=UTC)
    for message in made(contract, 20_000, bad_share=0.05):
        found = re.search(rb'"%s":"([^"]+Z)"' % field.encode(), message.value or b"")
        if found and b"2025-02-30" not in found[1]:
            time = datetime.fromisoformat(found[1].decode())
            late += newest - time > timedelta(seconds=contract.lateness_seconds)
            newest = max(newest, time)
    assert late > 10
