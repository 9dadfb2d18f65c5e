"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

from etl.contract.similar_names import suggestion

MEASURES = [f"temp_{number}" for number in range(1_700)]


def test_the_nearest_names_are_suggested_whatever_their_case() -> None:
    assert suggestion("Temp_171", MEASURES) == "Did you mean temp_171 or temp_1071 or temp_1171?"
    assert suggestion("humidty", ["Humidity", "pressure"]) == "Did you mean Humidity?"


def test_where_nothing_is_near_a_few_examples_are_given_and_the_others_counted() -> None:
    assert suggestion("xyz", MEASURES) == "Known: temp_0, temp_1, temp_10, temp_100, temp_1000 and 1,695 more."
    assert suggestion("xyz", ["a", "b"]) == "Known: a, b."
    assert suggestion("xyz", []) == "There are none."
