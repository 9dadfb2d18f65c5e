"""Every feed's simulator, held to the feed's own contract, and the one that makes readings from a contract alone."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from etl.contract.model import EPOCH_UNITS, ISO8601, ITEMS, Fleet, Landing
from etl.contract.reader import Column, Contract, load_contracts
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import CHUNK, DEFAULT_START, SIMULATORS, Message, csv_header, simulate, span
from etl.jobs.produce.simulators.raw_iot import STUCK_SENSOR
from etl.settings import Settings

CONTRACTS = load_contracts(Settings.load(feeds=""))
Row = dict[str, Any]


def made(
    contract: Contract, rows: int, *, seed: int = 1, bad_share: float = 0.0, start: datetime = DEFAULT_START
) -> list[Message]:
    chunks = simulate(contract, rows, seed=seed, start=start, bad_share=bad_share)
    return [message for chunk in chunks for message in chunk]


def rows_of(contract: Contract, messages: list[Message]) -> list[Row]:
    """The readings of good messages, by the contract's columns."""
    if contract.landing:
        lines = [(message.value or b"").decode() for message in messages]
        names = next(csv.reader([csv_header(contract).decode()], delimiter=contract.landing.delimiter))
        found = csv.reader(lines, delimiter=contract.landing.delimiter)
        sources = [dict(zip(names, line, strict=True)) for line in found]
        return [{c.name: source[c.source[0]] for c in contract.columns} for source in sources]
    return [row for message in messages for row in exploded(contract, json.loads(message.value or b""))]


def exploded(contract: Contract, document: Row) -> Iterator[Row]:
    count = 1
    if contract.explode:
        place: Any = document
        for key in contract.explode[0]:
            place = place[key]
        count = len(place)
    for item in range(count):
        yield {column.name: value_at(document, column, item) for column in contract.columns}


def value_at(document: Any, column: Column, item: int) -> Any:
    for key in column.source:
        document = document[item] if key == ITEMS else document[key]
    return document


def time_of(contract: Contract, row: Row) -> datetime:
    value, form = row[contract.event_time.column], contract.event_time.formats[0]
    if form in EPOCH_UNITS:
        return datetime.fromtimestamp(float(value) * EPOCH_UNITS[form], UTC)
    found = datetime.fromisoformat(value) if form == ISO8601 else datetime.strptime(value, form)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def breaks(column: Column, value: Any) -> str:
    """Which simple rule of its column a value breaks."""
    if value is None or value == "":
        return "missing" if column.required else ""
    if column.type in ("integer", "double"):
        number = int(value) if column.type == "integer" else float(value)
        low, high = column.minimum, column.maximum
        return "range" if (low is not None and number < low) or (high is not None and number > high) else ""
    if column.type == "boolean":
        return "" if value in (True, False, "true", "false") else "boolean"
    if column.max_length is not None and len(str(value)) > column.max_length:
        return "length"
    return "pattern" if column.pattern and not re.fullmatch(column.pattern, str(value)) else ""


def require_good(contract: Contract, messages: list[Message]) -> list[Row]:
    rows = rows_of(contract, messages)
    assert not [(c.name, row[c.name]) for row in rows for c in contract.columns if breaks(c, row[c.name])]
    keys = Counter(tuple(row[name] for name in contract.primary_key) for row in rows)
    assert not [key for key, times in keys.items() if times > 1], "keys are unique"
    return rows


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


def test_device_events_hold_one_to_four_of_fifty_devices() -> None:
    messages = made(CONTRACTS["device_events"], 400)
    sizes = Counter(len(json.loads(message.value or b"")["data"]["devices"]) for message in messages)
    assert set(sizes) == {1, 2, 3, 4}
    rows = rows_of(CONTRACTS["device_events"], messages)
    assert len({row["device_id"] for row in rows}) == 50
    states = Counter(row["status"] for row in rows)
    assert states["SUCCESS"] > 0.9 * len(rows)
    assert set(states) == {"SUCCESS", "ERROR", "STANDBY"}


def test_bad_device_events_come_in_every_shape() -> None:
    texts = [message.value or b"" for message in made(CONTRACTS["device_events"], 4_000, bad_share=0.3)]
    for part in (b'"devices":[]', b'"data":{}', b'"devices":"none"', b"BROKEN", b'"hot"', b"publisher restarted"):
        assert any(part in text for text in texts), part
    assert any(b'"status":"SUCCESS"},' in text and b'"BROKEN"' in text for text in texts), "good beside bad"
    assert any(b"eventId" not in text and b"devices" in text for text in texts)
    assert len(texts) - len(set(texts)) > 50, "resent"


def test_events_of_different_runs_differ_in_their_id() -> None:
    ids = [
        {row["event_id"] for row in rows_of(CONTRACTS["device_events"], made(CONTRACTS["device_events"], 500, seed=s))}
        for s in (1, 2)
    ]
    assert not ids[0] & ids[1]


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


def test_a_sensor_of_the_fleet_is_stuck_for_a_while_where_faults_are_wanted() -> None:
    def longest_run(bad_share: float) -> int:
        key = f"sensor-{STUCK_SENSOR:03d}".encode()
        own = [m.value or b"" for m in made(CONTRACTS["raw_iot"], 10_000, bad_share=bad_share) if m.key == key]
        values = [text.partition(b'"temperature":')[2].partition(b",")[0] for text in own]
        best = run = 1
        for before, after in pairwise(values):
            run = run + 1 if before == after else 1
            best = max(best, run)
        return best

    assert longest_run(0.001) >= 25
    assert longest_run(0) < 5


def test_gases_rise_and_fall_together() -> None:
    rows = rows_of(CONTRACTS["environment_telemetry"], made(CONTRACTS["environment_telemetry"], 3_000))
    by_co = sorted(rows, key=lambda row: float(row["co"]))
    for gas in ("lpg", "smoke"):
        values = [float(row[gas]) for row in by_co]
        assert values == sorted(values)
    assert re.fullmatch(r"\d\.\d+E9", rows[0]["ts"])


# --- from a contract alone ---


@pytest.mark.parametrize("feed", CONTRACTS)
def test_a_contract_without_simulator_gets_readings_that_meet_it(feed: str) -> None:
    contract = replace(CONTRACTS[feed], feed="mine")
    require_good(contract, made(contract, 2_000))
    assert span(contract, 1_000) > timedelta(seconds=30)


def test_made_up_readings_of_a_contract_have_bad_ones_among_them() -> None:
    contract = replace(CONTRACTS["raw_iot"], feed="mine")
    clean, spoiled = made(contract, 3_000), made(contract, 3_000, bad_share=0.1)
    assert sum(a != b for a, b in zip(clean, spoiled, strict=True)) == pytest.approx(300, abs=15)
    assert len({message.value for message in spoiled}) < 3_000


def test_nested_arrays_and_foreign_csv_dialects_are_made_up_too() -> None:
    base = CONTRACTS["raw_iot"]
    paths = {"sensor_id": ("site", "gates", ITEMS, "sensors", ITEMS, "id"), "timestamp": ("site", "at")}
    nested = replace(
        base,
        feed="mine",
        explode=(("site", "gates"), ("sensors",)),
        columns=tuple(replace(c, path=paths.get(c.name, ())) for c in base.columns),
    )
    document = json.loads(made(nested, 1)[0].value or b"")
    assert [s["id"] for s in document["site"]["gates"][0]["sensors"]] == ["sensor_id-1", "sensor_id-2"]
    german = replace(base, feed="mine", topic="", landing=Landing("in", delimiter=";", encoding="latin-1"))
    assert csv_header(german) == b"sensor_id;temperature;humidity;energy;timestamp"
    assert (made(german, 1)[0].value or b"").count(b";") == 4


def test_times_are_written_as_the_contract_says_and_stay_apart() -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine", fleet=Fleet(10, 2.5))
    start = DEFAULT_START.replace(hour=7, minute=31, second=47)
    for form in ("epoch_milliseconds", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d"):
        contract = replace(base, event_time=replace(base.event_time, formats=(form,)))
        require_good(contract, made(contract, 300, start=start))


def test_a_pattern_that_cannot_be_met_is_named() -> None:
    base = CONTRACTS["raw_iot"]
    column = replace(base.columns[0], pattern=r"[A-F]{2}\d+")
    contract = replace(base, feed="mine", columns=(column, *base.columns[1:]))
    with pytest.raises(ConfigurationError, match="'sensor_id': no values can be made up"):
        made(contract, 1)
