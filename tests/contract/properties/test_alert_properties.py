"""The custom property `alerts`: what it says is in the contract, and what cannot be used names value, place and remedy."""

from __future__ import annotations

import pytest
import yaml

from etl.contract.model import Contract
from etl.contract.rules.alerts import AlertRules
from etl.errors import ContractError
from tests.contract.draft.drafting import read_draft, text_of_draft

TEXT = text_of_draft([{"id": "a", "ts": "2025-06-15T00:00:00Z", "v": 1.5}])


def with_alerts(value: object) -> Contract:
    document = yaml.safe_load(TEXT)
    document["customProperties"].append({"property": "alerts", "value": value})
    return read_draft(yaml.safe_dump(document))


def test_without_it_the_defaults_hold() -> None:
    assert read_draft(TEXT).alerts == AlertRules()
    assert with_alerts({}).alerts == AlertRules()


def test_every_limit_can_be_set() -> None:
    given = {
        "quiet": "1h",
        "backlog": 100_000,
        "minScore": 90,
        "rejectedShare": 0.05,
        "minRejected": 1,
        "silentAfterIntervals": 5,
        "cycleEvery": "5m",
    }
    assert with_alerts(given).alerts == AlertRules(3600, 100_000, 90, 0.05, 1, 5, 300)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quiet", "soon"),
        ("quiet", 0),
        ("backlog", -1),
        ("backlog", 1.5),
        ("backlog", "1000"),
        ("minScore", 101),
        ("minScore", True),
        ("rejectedShare", 20),
        ("minRejected", 0),
        ("silentAfterIntervals", 0.5),
        ("silentAfterIntervals", float("inf")),
        ("cycleEvery", "* * * * *"),
        ("receivers", ["mailto://x"]),
    ],
)
def test_what_cannot_be_used_is_an_error_with_place_and_remedy(name: str, value: object) -> None:
    with pytest.raises(ContractError, match="alerts") as raised:
        with_alerts({name: value})
    assert raised.value.remedy
