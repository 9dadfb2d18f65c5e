"""The messages of the contests: which of them are bad, and that the good ones are not changed by that."""

from __future__ import annotations

from itertools import chain

import orjson

from benchmarks import data
from etl.contract.reader import load_contract
from etl.settings import Settings

GOOD = 1_000
CONTRACT = load_contract("sensor_readings", Settings.load())


def values(*, with_bad: bool) -> list[bytes]:
    chunks = data.messages(CONTRACT, GOOD, with_bad=with_bad)
    return [message.value or b"" for message in chain.from_iterable(chunks)]


def test_one_message_in_fifty_is_bad_and_the_good_ones_are_the_same_as_without() -> None:
    good, mixed = values(with_bad=False), values(with_bad=True)
    assert len(mixed) == GOOD + data.bad(GOOD) == GOOD + 20
    bad = [value for value in mixed if value not in set(good)]
    assert len(bad) == 20
    assert [value for value in mixed if value not in set(bad)] == good


def test_a_bad_message_is_one_that_no_table_of_the_four_columns_can_hold() -> None:
    good, mixed = set(values(with_bad=False)), values(with_bad=True)
    bad = [value for value in mixed if value not in good][: len(data.SPOILERS)]

    def why(value: bytes) -> str:
        try:
            reading = orjson.loads(value)
        except orjson.JSONDecodeError:
            return "no JSON"
        if reading.get("sensor_id") is None or reading["temperature"] is None:
            return "no value"
        return "no number" if isinstance(reading["temperature"], str) else reading["timestamp"]

    assert [why(value) for value in bad] == [
        "no JSON",
        "no number",
        "no value",
        "no JSON",
        "30/02/2025",
        "no value",
    ]
    assert data.not_json(CONTRACT, GOOD) == sum(why(value) == "no JSON" for value in mixed) == 7
