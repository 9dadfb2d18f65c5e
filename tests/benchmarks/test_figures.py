"""How figures are kept, and what is lost when one of them fails."""

from __future__ import annotations

import json
import re

from benchmarks.figures import attempt, dumps, require


def test_what_is_kept_is_json_with_a_list_of_numbers_in_one_line() -> None:
    found = {"a": [1, 2.5, -3e-07], "words": ["[ 1,\n 2 ]"], "empty": [], "deep": [{"b": [4]}]}
    text = dumps(found)
    assert json.loads(text) == found
    assert '"a": [1, 2.5, -3e-07]' in text
    assert '"b": [4]' in text


def test_one_piece_that_fails_costs_no_other() -> None:
    failed: list[dict[str, str]] = []
    told: list[str] = []
    with attempt("the first", failed, told.append):
        raise RuntimeError("a long story\nno luck")
    with attempt("the second", failed, told.append):
        require("rows", 9, 10)
    with attempt("the third", failed, told.append):
        require("rows", 10, 10)
    assert failed == [
        {"what": "the first", "why": "no luck"},
        {"what": "the second", "why": "rows: 9 were found, 10 expected."},
    ]
    assert re.search("a long story", told[0])
