"""What plots of messages show: values in the forms of their contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from etl.contract.model import Column, Contract, NumberFormat
from etl.notebook.sample_values import allowed_numbers, as_times, with_combined


def test_numbers_are_those_of_the_column_and_those_that_are_forbidden_are_left_out() -> None:
    column = Column("t", "double", maximum=50.0, number=NumberFormat(",", ".", "°C"))
    texts = pd.Series(["21,5 °C", "60", "21.5", None, "x"], index=[3, 4, 5, 6, 7], dtype="object")
    found = allowed_numbers(texts, column)
    assert (found.dropna().to_dict(), list(found.index)) == ({3: 21.5}, [3, 4, 5, 6, 7])
    assert allowed_numbers(pd.Series([20.0, 99.0]), column).dropna().tolist() == [20.0]
    assert allowed_numbers(pd.Series(["20.5", "x"]), replace(column, number=None)).dropna().tolist() == [20.5]


def test_times_are_joined_and_read_in_their_own_format(contract: Contract) -> None:
    when = Column("timestamp", "timestamp", combine=("day", "clock"), formats=("%d.%m.%Y %H:%M",))
    columns = (*(when if column.name == "timestamp" else column for column in contract.columns),)
    contract = replace(contract, columns=(*columns, Column("day", "text"), Column("clock", "text")))
    rows = [with_combined({"day": "15.06.2025", "clock": clock}, contract) for clock in ("09:12", None)]
    found = as_times(pd.DataFrame(rows)["timestamp"], contract)
    assert found[0].to_pydatetime() == datetime(2025, 6, 15, 9, 12, tzinfo=UTC)
    assert pd.isna(found[1])
