from __future__ import annotations

import pytest

from etl.contract.sources.path_pattern import example, matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "A.CSV", True),
        ("*.csv", "2025/a.csv", False),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "2025/06/a.csv", True),
        ("**/*.csv", "2025/06/a.csv.txt", False),
        ("20??-*/day[0-9].dat", "2025-06/day7.dat", True),
        ("20??-*/day[0-9].dat", "2025-06/dayx.dat", False),
        ("20??-*/day[!0-9].dat", "2025-06/dayx.dat", True),
        ("**/raw/**/*.csv", "site/raw/a.csv", True),
        ("**/raw/**/*.csv", "raw/x/y/a.csv", True),
        ("**/raw/**/*.csv", "site/a.csv", False),
        ("**", "x/y/z", True),
        ("*.c+v", "a.c+v", True),
        ("*.c+v", "a.ccv", False),
        ("*", "line\nbreak", True),
        ("*.csv", "k\udcfcche.csv", True),
    ],
)
def test_a_pattern_names_paths(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/*.csv", "new.csv"),
        ("*/data_*.dat", "in/data_new.dat"),
        ("**", "new"),
        ("20??/*.csv", None),
        ("*/readings.csv", None),
    ],
)
def test_an_example_of_a_pattern_is_one(pattern: str, path: str | None) -> None:
    assert example(pattern, "new") == path
