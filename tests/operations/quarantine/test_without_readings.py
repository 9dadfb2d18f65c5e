"""Whether a message has no reading, or the contract looks for it in the wrong place."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from etl.contract.model import ROOT, Contract
from etl.operations.quarantine.without_readings import says_that_it_has_none
from etl.validation.texts import encode_raw


def told(contract: Contract, message: Any, item: int = 0) -> bool:
    return says_that_it_has_none(encode_raw(json.dumps(message).encode()), item, contract)


@pytest.mark.parametrize(
    ("message", "has_none"),
    [
        ({"payload": {"before": {"id": 1}, "after": None, "op": "d"}}, True),
        ({"payload": None}, True),
        # By another path there may be one.
        ({"payload": {"id": 1}}, False),
        ({"after": {"id": 1}}, False),
        ({"payload": 5}, False),
        ([], False),
        ({"payload": {"after": {}}}, False),
    ],
)
def test_an_envelope_that_is_null_holds_none(contract: Contract, message: Any, has_none: bool) -> None:
    assert told(dataclasses.replace(contract, envelope=("payload", "after")), message) is has_none


@pytest.mark.parametrize(
    ("message", "has_none"),
    [
        ({"sites": []}, [True]),
        ({"sites": None}, [True]),
        ({"sites": {}}, [False]),
        ({}, [False]),
        (
            {"sites": [{"items": [1, 2]}, {"items": []}, {"items": None}, {"values": [3]}]},
            [False] * 2 + [True] * 2 + [False],
        ),
    ],
)
def test_an_array_that_is_empty_holds_none(contract: Contract, message: Any, has_none: list[bool]) -> None:
    nested = dataclasses.replace(contract, explode=(("sites",), ("items",)))
    assert [told(nested, message, item) for item in range(len(has_none))] == has_none


def test_a_message_that_is_the_array_holds_none_where_it_is_empty(contract: Contract) -> None:
    listed = dataclasses.replace(contract, explode=((ROOT,),))
    assert told(listed, [])
    assert not told(listed, {"items": []})


@pytest.mark.parametrize("raw", [r"\null", r"\xff", r"\x7", "", '{"payload":nul', '{"a":' * 100_000, "7"])
def test_of_what_is_no_message_nothing_is_known(contract: Contract, raw: str) -> None:
    assert not says_that_it_has_none(raw, 0, dataclasses.replace(contract, envelope=("payload",)))
