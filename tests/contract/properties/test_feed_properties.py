"""Custom properties of a feed: a value that is none of its kind is an error of the contract, with a remedy."""

from __future__ import annotations

import pytest
import yaml

from etl.errors import ContractError
from tests.contract.draft.drafting import read_draft, text_of_draft

TEXT = text_of_draft([{"id": "a", "ts": "2025-06-15T00:00:00Z", "v": 1.5}])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("aheadSeconds", value) for value in ("1h", -1, [1], None, True, float("nan"), 10**400, 1e12)),
        *(("timezone", value) for value in ("Europe", 300 * "a", ["UTC"])),
        *(("formats", value) for value in ([["iso8601"]], [{"iso8601": 1}], "iso8601")),
        ("earliest", ["2000-01-01"]),
        *(("column", value) for value in (["ts"], {"ts": 1})),
    ],
)
def test_a_wrong_part_of_the_event_time_is_an_error_of_the_contract(name: str, value: object) -> None:
    with pytest.raises(ContractError, match=f"eventTime.{name}") as raised:
        changed("eventTime", {"column": "ts", name: value})
    assert raised.value.remedy


def test_the_remedy_for_a_duration_in_aheadseconds_is_a_number() -> None:
    with pytest.raises(ContractError, match="'1h'") as raised:
        changed("eventTime", {"column": "ts", "aheadSeconds": "1h"})
    assert "Give a number of seconds, 0 or more" in raised.value.remedy
    changed("eventTime", {"column": "ts", "aheadSeconds": 0})


@pytest.mark.parametrize(
    "name",
    [
        *("onConflict", "unknownKeys", "maxNewColumns", "failureBudget", "lateness", "sensor", "windows", "anomalies"),
        *("fleet", "envelope", "explode", "rename", "missingValues", "eventTime", "alerts"),
    ],
)
@pytest.mark.parametrize("value", [[["a"]], {"a": ["b"]}, True, float("inf")], ids=str)
def test_a_value_of_another_kind_is_an_error_of_the_contract(name: str, value: object) -> None:
    with pytest.raises(ContractError, match=name) as raised:
        changed(name, value)
    assert raised.value.remedy


@pytest.mark.parametrize("value", [f"{9 * '9'}d", f"{400 * '9'}d", "0s"])
def test_a_duration_that_no_time_can_be_shifted_by_is_refused(value: str) -> None:
    with pytest.raises(ContractError, match="lateness"):
        changed("lateness", value)


def changed(name: str, value: object) -> None:
    document = yaml.safe_load(TEXT)
    others = [item for item in document["customProperties"] if item["property"] != name]
    document["customProperties"] = [*others, {"property": name, "value": value}]
    read_draft(yaml.safe_dump(document))
