"""One inference of types, for drafts and for schema evolution; however many values there are, it costs a few."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.inference import MOST_VALUES, DistinctValues, infer_type

VALUES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["true", "007", "12e5", "1.5", "29", "x", "2025-06-15T00:00:00Z", "2025-02-30T00:00:00Z"]),
    st.integers().map(str),
)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("temperature", [29, 30], "number"),
        ("temperature", [29, 30, 29.5], "number"),
        ("frameCount", [29, 30], "integer"),
        ("frame_count", [1, 1.0], "number"),
        ("temperature", [2**53 + 1], "integer"),
        ("temperature", [2**63], "string"),
        ("flag", [True, False], "boolean"),
        ("flag", [True, 1], "string"),
        ("code", ["00501", "10001"], "string"),
    ],
)
def test_a_type_holds_the_values_and_what_may_follow_them(name: str, values: list[Any], kind: str) -> None:
    collected = DistinctValues()
    for value in values:
        collected.add([value])
    assert infer_type(name, values).type == kind
    assert infer_type(name, collected).type == kind


@settings(deadline=None)
@given(st.sampled_from(["temperature", "frame_count"]), st.lists(VALUES, max_size=8), st.booleans())
def test_the_values_that_are_kept_of_many_have_the_type_of_all(name: str, values: list[Any], as_texts: bool) -> None:
    many = [*values, *range(10_000, 10_001 + MOST_VALUES)]
    many = [str(value) for value in many] if as_texts else many
    collected = DistinctValues()
    collected.add(many)
    assert len(list(collected)) < 20
    assert infer_type(name, collected).type == infer_type(name, many).type
