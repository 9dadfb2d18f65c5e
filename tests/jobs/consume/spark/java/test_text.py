"""Texts as Java's own formats need them; real Java reads such paths in tests/integration/test_private_files.py."""

from __future__ import annotations

import pytest

from etl.jobs.consume.spark.java.text import log4j_pattern, log4j_value, option, property_value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/plain/path", "/plain/path"),
        ("/my etl #1=2:3!", "/my etl #1=2:3!"),
        (" begins with a space", "\\u0020begins with a space"),
        ("a\\b", "a\\u005cb"),
        ("étl", "\\u00e9tl"),
        ("🙂", "\\ud83d\\ude42"),
        ("a\tb", "a\\u0009b"),
    ],
)
def test_values_of_properties_are_ascii(text: str, written: str) -> None:
    assert property_value(text) == written


def test_log4j_looks_for_nothing_in_a_path() -> None:
    assert log4j_value("/100% $a ${HOME}/é") == "/100% $a $${HOME}/\\u00e9"
    assert log4j_pattern("/100% $a ${HOME}/é") == "/100%% $a $${HOME}/\\u00e9"


def test_an_option_is_one_whatever_is_in_it() -> None:
    assert option('-Dx=a "b" \\c') == '"-Dx=a \\"b\\" \\\\c"'
