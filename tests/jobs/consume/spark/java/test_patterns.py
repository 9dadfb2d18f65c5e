from __future__ import annotations

import re

import pytest

from etl.jobs.consume.spark.java.patterns import is_cheap


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]{3}-\d+",
        "(ON|OFF)",
        "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
        "(?P<site>[a-z]+)_.*",
        "",
        r"^\w+$",
        "(?i)abc",
        "a?b?",
    ],
)
def test_usual_patterns_are_cheap(pattern: str) -> None:
    assert is_cheap(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|b)*",
        "(?:a|a)*b",
        ".*.*.*.*x",
        "(?:a?){30}a{30}",
        r"(a)\1",
        "(?=a)b",
        "(.*)*",
        "(?:(?:a|b){1,20}){1,20}",
    ],
)
def test_what_may_take_long_or_break_the_stack_is_not(pattern: str) -> None:
    re.compile(pattern)
    assert not is_cheap(pattern)
