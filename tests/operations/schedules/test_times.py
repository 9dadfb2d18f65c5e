from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from etl.errors import ConfigurationError
from etl.operations.schedules.times import Schedule, parse

START = datetime(2026, 11, 21, 4, 50, 7, tzinfo=UTC)  # a Saturday


def times(schedule: Schedule, count: int, start: datetime = START) -> list[str]:
    found = [schedule.first(start)]
    while len(found) < count:
        found.append(schedule.after(found[-1]))
    return [f"{when:%a %d %H:%M:%S}" for when in found]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), (" 2 m ", 120)]
)
def test_an_interval_begins_at_once(text: str, seconds: int) -> None:
    schedule = parse(text)
    assert schedule.first(START) == START
    assert schedule.after(START) == START + timedelta(seconds=seconds)


def test_a_cron_expression_begins_at_its_next_time() -> None:
    assert times(parse("*/5 * * * *", UTC), 3) == ["Sat 21 04:55:00", "Sat 21 05:00:00", "Sat 21 05:05:00"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("0", ["Sun 22", "Sun 29"]),
        ("7", ["Sun 22", "Sun 29"]),
        ("sun", ["Sun 22", "Sun 29"]),
        ("1-5", ["Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27", "Mon 30"]),
        ("5-7", ["Sun 22", "Fri 27", "Sat 28", "Sun 29"]),
        ("MON,3", ["Mon 23", "Wed 25", "Mon 30"]),
        ("*/3", ["Sun 22", "Wed 25", "Sat 28", "Sun 29"]),
    ],
)
def test_days_of_the_week_mean_what_they_mean_in_a_crontab(days: str, expected: list[str]) -> None:
    found = times(parse(f"0 4 * * {days}", UTC), len(expected))
    assert [when[:6] for when in found] == expected


def test_where_both_days_are_given_either_will_do() -> None:
    assert [when[:6] for when in times(parse("0 4 25 * mon", UTC), 3)] == ["Mon 23", "Wed 25", "Mon 30"]


def test_cron_hours_are_local() -> None:
    schedule = parse("0 6 * * *", ZoneInfo("Asia/Kolkata"))
    assert schedule.first(START).astimezone(UTC).strftime("%H:%M") == "00:30"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "'5' is neither an interval nor a cron expression"),
        ("5 minutes", "'5 minutes' is neither"),
        ("-5m", "'-5m' is neither"),
        ("1 0s", "'1 0s' is neither"),
        ("1.5h", "'1.5h' is neither"),
        ("", "'' is neither"),
        ("0s", "'0s': an interval lasts from one second to a year"),
        ("400d", "'400d': an interval lasts"),
        ("9999999999999d", "an interval lasts"),
        ("* * * *", "is neither"),
        ("61 * * * *", "'61 \\* \\* \\* \\*' is not a cron expression"),
        ("* * * * 8", "is not a cron expression: '8' is not a day of the week"),
        ("* * * * foo", "'foo' is not a day of the week"),
        ("0 0 31 2 *", "names a time that never comes"),
    ],
)
def test_what_is_no_schedule_is_named_with_a_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse(text, UTC)
    assert "such as 30s, 5m, 1h or 1d, or the five fields" in caught.value.remedy
    assert caught.value.exit_code == 2
