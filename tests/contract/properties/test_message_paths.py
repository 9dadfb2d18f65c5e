"""Paths of values in messages: keys with dots between them, or a list of keys that have dots themselves."""

from __future__ import annotations

import pytest

from etl.cli.report.contract.columns import source_of
from etl.errors import ContractError
from tests.contract.draft.drafting import read_draft, text_of_draft

RECORD = {"id": "a", "ts": "2025-06-15T00:00:00Z", "data": {"a.b": 1.5, "plain": 2.5}}
TEXT = text_of_draft([RECORD])


def test_a_list_of_keys_names_a_key_with_a_dot() -> None:
    assert 'a_b: ["data", "a.b"]' in TEXT
    found = read_draft(TEXT)
    assert found.column("a_b").source == ("data", "a.b")
    assert source_of(found.column("a_b"), found) == '["data", "a.b"]'
    assert source_of(found.column("plain"), found) == "data.plain"


def test_a_list_names_a_key_in_an_array_as_well() -> None:
    record = {"ts": "2025-06-15T00:00:00Z", "devices": [{"dev.id": "a", "value": 1.5}, {"dev.id": "b", "value": 2.5}]}
    found = read_draft(text_of_draft([record]))
    assert found.column("dev_id").source == ("devices", "[]", "dev.id")


@pytest.mark.parametrize("path", ["[]", "[data, 1]", '[data, ""]', '["[]", x]'])
def test_a_list_that_names_nothing_is_refused(path: str) -> None:
    with pytest.raises(ContractError, match="a_b"):
        read_draft(TEXT.replace('a_b: ["data", "a.b"]', f"a_b: {path}"))
