"""Ages after which things are compressed or deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etl.errors import ConfigurationError
from etl.operations.retention.policy import parse_age


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("0d", timedelta(0)),
        ("99999w", timedelta(weeks=99_999)),
        ("never", None),
    ],
)
def test_an_age_is_a_whole_number_of_minutes_hours_days_or_weeks(text: str, age: timedelta | None) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "7", "30s", "1.5d", " 7d", "-7d", "100000d", "9999999999999w", "Never"])
def test_anything_else_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an age") as refused:
        parse_age(text)
    assert refused.value.remedy == "Write 30m, 12h, 7d, 2w or never."
