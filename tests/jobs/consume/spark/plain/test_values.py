"""What the expressions of plain values match, and that they match nothing beyond their limits."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.contract.model import Column, Contract, EventTime, NumberFormat
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.plain.values import decimal_number, plain_value, time_before, whole_number

LATEST = datetime(2026, 3, 10, 5, 0, 30, tzinfo=UTC)
CONTRACT = Contract(
    feed="site",
    source=KafkaTopic("site"),
    table="site",
    columns=(Column("id", "text", required=True), Column("at", "timestamp", required=True)),
    primary_key=("id", "at"),
    event_time=EventTime("at", earliest=datetime(2024, 3, 1, tzinfo=UTC)),
)


def matches(expression: str, text: str) -> bool:
    return re.fullmatch(f"(?:{expression})", text) is not None


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 10**11))
@example(0, 0, 0)
@example(0, 5, 0)
@example(1, 2**31, 2**31 - 1)
@example(99, 100, 100)
def test_whole_numbers_within_limits_and_no_others(one: int, other: int, number: int) -> None:
    low, high = sorted((one, other))
    expression = whole_number(low, high)
    for near in (number, low - 1, low, low + 1, high - 1, high, high + 1):
        if near >= 0:
            assert matches(expression, str(near)) is (low <= near <= high)
    assert not matches(expression, f"0{low}")


LIMITS = st.sampled_from([-1e15, -273.15, -50.0, -1.5, 0.0, 0.5, 1.0, 17.0, 100.0, 1e6, 1e15])


@given(LIMITS, LIMITS, st.decimals(-1000, 2_000_000, places=2))
def test_decimal_numbers_within_limits(one: float, other: float, number: float) -> None:
    low, high = sorted((one, other))
    expression = decimal_number(low, high)
    for text in (f"{number}", f"{number:.0f}", f"{low:.0f}", f"{high:.0f}", f"{high:.0f}.0", f"{high:.0f}.01"):
        if matches(expression, text):
            assert low <= float(text) <= high
        # All but the numbers beside a limit are found.
        assert matches(expression, text) or not low + 1 < float(text) < high - 1
    for text in ("", "-", "+1", "01", "1.", ".5", "1e1", "1.0.0", "1 "):
        assert not matches(expression, text)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)))
@example(LATEST.replace(tzinfo=None))
@example(datetime(2026, 3, 10, 5, 0, 29))
def test_times_before_a_time(time: datetime) -> None:
    is_before = time.replace(microsecond=0) < LATEST.replace(tzinfo=None)
    assert bool(re.match(time_before(LATEST), time.isoformat(" "))) is is_before


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("2025-06-15T00:00:06.664693Z", True),
        ("2025-06-15 23:59:59", True),
        ("2025-12-31 23:59:59.5", True),
        ("2026-03-10T05:00:29Z", True),
        ("2026-03-10T05:00:30Z", False),
        # The year of the earliest time, and a day that most years do not have: left to the others.
        ("2024-12-31T00:00:00Z", False),
        ("2028-02-29T00:00:00Z", False),
        ("2025-02-29T00:00:00Z", False),
        ("2025-04-31T00:00:00Z", False),
        ("2025-06-15T24:00:00Z", False),
        ("2025-06-15T00:60:00Z", False),
        ("2025-06-15T00:00:00+02:00", False),
        ("2025-06-15", False),
        ("2025-06-15T00:00:00 ", False),
    ],
)
def test_times_in_iso_8601(text: str, is_plain: bool) -> None:
    expressions = plain_value(CONTRACT.column("at"), CONTRACT, LATEST)
    assert expressions is not None
    assert matches(expressions[0], text) is is_plain
    assert not matches(expressions[1], text)


@pytest.mark.parametrize(
    ("column", "plain", "others"),
    [
        (
            Column("id", "text"),
            ["a", " a", "a b", "é中", "1", "null"],
            ["", "a ", "{a}", "[1]", "#1", "a,b", 'a"b', "😀", "a\n"],
        ),
        (Column("name", "text", min_length=2, max_length=3), ["ab", "ab "], ["a", "abcd", "😀b"]),
        (Column("n", "integer", bits=16), ["0", "-32767", "32767"], ["32768", "-0", "1.0", "007", ""]),
        (Column("n", "integer", minimum=-3, maximum=-2), ["-2", "-3"], ["0", "2", "-1", "-4"]),
        (Column("n", "integer", minimum=5, maximum=4), [], ["4", "5"]),
        (Column("x", "double"), ["0", "-1.5", "999999999999999.9"], ["1e5", "NaN", "1" * 17]),
        (Column("x", "double", minimum=0, maximum=1), ["0", "0.99", "1.00"], ["1.01", "-0.5"]),
        (Column("x", "double", number=NumberFormat(decimal=",")), ["n/a"], ["1,5"]),
        (Column("is on", "boolean"), ["true", "false"], ["True", "1", ""]),
        (Column("t", "timestamp", formats=("epoch_milliseconds",)), ["1750000000000"], ["1750000000", "1" * 14]),
    ],
)
def test_values_by_type(column: Column, plain: list[str], others: list[str]) -> None:
    expressions = plain_value(column, CONTRACT, LATEST)
    assert expressions is not None
    found = [matches(f'"(?:{expressions[0]})"', f'"{text}"') for text in [*plain, *others]]
    assert found == [True] * len(plain) + [False] * len(others)


def test_scalars_as_texts_have_the_length_of_the_contract() -> None:
    expressions = plain_value(Column("name", "text", min_length=2, max_length=4), CONTRACT, LATEST)
    assert expressions is not None
    found = [re.match(f"(?:{expressions[1]})", f"{text},") for text in ("1", "-1", "true", "12345", "1.5e3", "null")]
    assert [match is not None for match in found] == [False, True, True, False, False, False]


def test_what_no_expression_can_tell() -> None:
    assert plain_value(Column("name", "text", pattern="a+"), CONTRACT, LATEST) is None
    day = Column("t", "timestamp", formats=("%d.%m.%Y",))
    assert plain_value(day, CONTRACT, LATEST) is None
    assert plain_value(dataclasses.replace(day, formats=("iso8601", "epoch_seconds")), CONTRACT, LATEST) is None
