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
