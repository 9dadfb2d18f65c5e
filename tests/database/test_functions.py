"""SQL functions that the two products write differently, carried out by DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import literal, literal_column, select

from etl.database import MOMENT, add_seconds, window_start
from tests.support.tsql import TSQLConnection, TSQLEngine


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([1, 10, 60, 300, 420, 3600, 86_400, 604_800, 0.5, 3600.5]),
)
def test_a_window_begins_at_a_multiple_of_its_length_since_1970(moment: datetime, seconds: float) -> None:
    start = _asked(window_start(literal(moment, MOMENT), literal_column(f"{seconds:g}")))
    elapsed = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    length = round(seconds * 1e6)
    assert (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == elapsed // length * length


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([1, -3600, 86_400, 0.25, -1800.5, 604_800]),
)
def test_seconds_are_added(moment: datetime, seconds: float) -> None:
    assert _asked(add_seconds(literal(moment, MOMENT), literal_column(f"{seconds:g}"))) == moment + timedelta(
        seconds=seconds
    )


def _asked(expression: Any) -> datetime:
    found: datetime = TSQLConnection(_CALCULATOR).scalar(select(expression))
    return found


_CALCULATOR = TSQLEngine()
