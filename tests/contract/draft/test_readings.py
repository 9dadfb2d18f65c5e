"""Readings in messages."""

from __future__ import annotations

import pytest

from etl.contract.draft.readings import readings_of
from etl.contract.draft.recognisers.shape import Shape


@pytest.mark.parametrize("other", [5, "text", {"v": 1.5}, True, None])
def test_something_else_in_place_of_the_array_is_no_reading(other: object) -> None:
    records = [{"data": [{"id": "a", "v": 1.5}, {"id": "b", "v": 2.5}]}] * 40
    found = readings_of([*records, {"data": other}], Shape(), is_tabular=False)
    assert found.explode == (("data",),)
    assert len(found.rows) == 80
