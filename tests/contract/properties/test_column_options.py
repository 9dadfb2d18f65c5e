"""The limits of a column's values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl.contract.reader import parse_contract
from etl.errors import ContractError
from tests.contract.draft.drafting import read_draft, text_of_draft

TEXT = text_of_draft([{"id": "a", "ts": "2025-06-15T00:00:00Z", "v": 1.5, "seq": 3}])


@pytest.mark.parametrize(
    ("column", "option", "value"),
    [
        ("v", "minimum", "1"),
        ("v", "minimum", [1]),
        ("v", "maximum", True),
        ("v", "maximum", float("inf")),
        ("v", "maximum", 10**400),
        ("v", "format", "i32"),
        ("v", "format", ["f64"]),
        ("seq", "format", {"i32": 1}),
        ("id", "minLength", "1"),
        ("id", "maxLength", -1),
        ("id", "maxLength", 1.5),
        ("id", "pattern", 5),
        ("id", "pattern", ["a"]),
        ("ts", "minimum", 1),
    ],
)
def test_a_limit_that_is_none_is_an_error_of_the_contract(column: str, option: str, value: object) -> None:
    document = yaml.safe_load(TEXT)
    (found,) = (item for item in document["schema"][0]["properties"] if item["name"] == column)
    found["logicalTypeOptions"] = {option: value}
    with pytest.raises(ContractError, match=rf"schema\[0\].*{option}") as raised:
        parse_contract(yaml.safe_dump(document), Path("mine.odcs.yaml"))
    assert raised.value.remedy


def test_limits_are_read() -> None:
    document = yaml.safe_load(TEXT)
    by_name = {item["name"]: item for item in document["schema"][0]["properties"]}
    by_name["v"]["logicalTypeOptions"] = {"minimum": -1, "maximum": 2.5, "format": "f64"}
    by_name["seq"]["logicalTypeOptions"] = {"format": "i16"}
    by_name["id"]["logicalTypeOptions"] = {"minLength": 1, "maxLength": 9, "pattern": "[a-z]+"}
    found = read_draft(yaml.safe_dump(document))
    assert (found.column("v").minimum, found.column("v").maximum) == (-1, 2.5)
    assert found.column("seq").bits == 16
    text = found.column("id")
    assert (text.min_length, text.max_length, text.pattern) == (1, 9, "[a-z]+")
