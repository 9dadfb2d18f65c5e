from __future__ import annotations

import hashlib
import json

import pytest

from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import CHUNK, DEFAULT_START, Message, simulate


def made(contract: Contract, rows: int, seed: int = 1, bad_share: float = 0.02) -> list[Message]:
    chunks = simulate(contract, rows, seed=seed, start=DEFAULT_START, bad_share=bad_share)
    return [message for chunk in chunks for message in chunk]


def test_the_same_seed_gives_the_same_bytes_on_every_machine(contract: Contract) -> None:
    digest = hashlib.sha256()
    for message in made(contract, CHUNK + 500):
        digest.update(b"%s\t%s\n" % (message.key, message.value))
    assert digest.hexdigest() == "cfcde2b5cf9dd61649abefc365ba937a4d0f0d2d03274ec586c87ff6705f8af6"


def test_another_seed_gives_other_readings(contract: Contract) -> None:
    assert made(contract, 100, seed=1) != made(contract, 100, seed=2)


def test_a_longer_run_begins_like_a_shorter_one(contract: Contract) -> None:
    assert made(contract, 3 * CHUNK)[:CHUNK] == made(contract, CHUNK)


def test_good_readings_follow_the_contract(contract: Contract) -> None:
    for message in made(contract, 5_000, bad_share=0):
        reading = json.loads(message.value or b"")
        assert set(reading) == set(contract.column_names)
        assert -50 <= reading["temperature"] <= 60
        assert 0 <= reading["humidity"] <= 100
        assert message.key == str(reading["sensor_id"]).encode()


def test_days_are_warmer_than_nights(contract: Contract) -> None:
    def mean_at(hour: int) -> float:
        chunks = simulate(contract, 1000, seed=1, start=DEFAULT_START.replace(hour=hour), bad_share=0)
        readings = [json.loads(message.value or b"") for chunk in chunks for message in chunk]
        return sum(float(reading["temperature"]) for reading in readings) / len(readings)

    assert mean_at(15) - mean_at(3) > 4


def test_the_share_of_changed_messages_is_the_one_asked_for(contract: Contract) -> None:
    clean, spoiled = made(contract, 10_000, bad_share=0), made(contract, 10_000, bad_share=0.05)
    assert sum(a != b for a, b in zip(clean, spoiled, strict=True)) == pytest.approx(500, abs=5)


def test_a_share_that_is_none_is_refused(contract: Contract) -> None:
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        made(contract, 1, bad_share=2)
