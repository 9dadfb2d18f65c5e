"""Values of a table are written as their contract reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from etl.contract.model import EPOCH_UNITS, Column, Contract, EventTime, NumberFormat
from etl.jobs.load.value_texts import value_text
from etl.validation.values.check import check_values

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = datetime(2024, 6, 1, 9, 5, 7, 123456, tzinfo=UTC)
GERMAN = NumberFormat(decimal=",", thousands=".", suffix="°C")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("x", "double"), 21.5),
        (Column("x", "double", number=GERMAN), 1234.5),
        (Column("x", "double", number=GERMAN), -1e-7),
        (Column("x", "double", number=GERMAN), 1e300),
        (Column("x", "integer", number=GERMAN), -1234567),
        (Column("x", "boolean"), False),
        (Column("x", "text"), "NA"),
        (Column("x", "timestamp"), MOMENT),
        *((Column("x", "timestamp", formats=(unit,)), MOMENT) for unit in EPOCH_UNITS),
        (Column("x", "timestamp", formats=(*EPOCH_UNITS,)), MOMENT),
        (Column("x", "timestamp", formats=("%d.%m.%Y", "%d.%m.%Y %H:%M:%S.%f"), timezone="Europe/Berlin"), MOMENT),
        (Column("x", "timestamp", formats=("%d %b %Y %I:%M %p",)), MOMENT.replace(second=0, microsecond=0)),
        (Column("x", "timestamp", formats=("%d %b %Y %H:%M:%S.%f %z",), timezone="Asia/Kolkata"), MOMENT),
        (Column("x", "timestamp", formats=("%Y", "%Y-%m-%d", "epoch_seconds")), MOMENT),
    ],
)
def test_a_value_is_read_back_from_its_text(contract: Contract, column: Column, value: Any) -> None:
    contract = replace(contract, event_time=EventTime("timestamp", formats=("%Y",)))
    if column == Column("x", "timestamp"):
        contract = replace(contract, event_time=EventTime("timestamp"))
    text = pa.chunked_array([pa.array([value_text(value, column, contract)], pa.string())])
    values, problems = check_values(text, column, contract, NOW)
    assert (values.to_pylist(), problems) == ([value], [])


def test_no_value_has_no_text(contract: Contract) -> None:
    assert value_text(None, Column("x", "double"), contract) is None


@pytest.mark.parametrize(
    ("pattern", "moment", "is_exact"),
    [
        ("%Y-%m-%d %H:%M", datetime(2025, 6, 15, 9, 12, 31, tzinfo=UTC), False),
        ("%Y-%m-%d %H:%M", datetime(2025, 6, 15, 9, 12, tzinfo=UTC), True),
        ("%Y-%m-%d %H:%M:%S", MOMENT, False),
        # 02:30 in Berlin, before the clocks are set back and after.
        ("%Y-%m-%d %H:%M", datetime(2025, 10, 26, 0, 30, tzinfo=UTC), True),
        ("%Y-%m-%d %H:%M", datetime(2025, 10, 26, 1, 30, tzinfo=UTC), False),
        ("%Y-%m-%d %H:%M%z", datetime(2025, 10, 26, 1, 30, tzinfo=UTC), True),
    ],
)
def test_a_time_that_no_format_can_express_is_not_read_as_another_one(
    contract: Contract, pattern: str, moment: datetime, is_exact: bool
) -> None:
    column = Column("x", "timestamp", formats=(pattern, "%Y"), timezone="Europe/Berlin")
    text = pa.chunked_array([pa.array([value_text(moment, column, contract)], pa.string())])
    values, problems = check_values(text, column, contract, NOW)
    assert (values.to_pylist(), len(problems)) == (([moment], 0) if is_exact else ([None], 1))
    both = replace(column, formats=(*column.formats, "iso8601"))
    assert check_values(text, both, contract, NOW)[0].to_pylist() == [moment]
