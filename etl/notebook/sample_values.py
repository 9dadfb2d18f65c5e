"""Values of messages, or of the table, as numbers and times for a plot."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from etl.contract.model import Column, Contract
from etl.validation.values.numbers import plain_numbers
from etl.validation.values.times import times

Texts = Mapping[str, str | None]


def with_combined(texts: Texts, contract: Contract) -> Texts:
    """A reading's texts with those of the columns that are joined from others."""
    combined = [column for column in contract.columns if column.combine]
    parts = {column.name: [texts.get(name) for name in column.combine] for column in combined}
    return {**texts, **{name: " ".join(part or "" for part in given) for name, given in parts.items()}}


def as_times(values: pd.Series, contract: Contract) -> pd.Series:
    """Times of readings; values that are not times stay empty."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return values
    converted: pd.Series = times(_texts(values), contract, contract.column(contract.event_time.column)).to_pandas()
    return converted.set_axis(values.index)


def allowed_numbers(values: pd.Series, column: Column) -> pd.Series:
    """Numbers within the contract's limits; NaN in place of the others."""
    if column.number and not pd.api.types.is_numeric_dtype(values):
        values = plain_numbers(_texts(values), column.number).to_pandas().set_axis(values.index)
    numbers = pd.to_numeric(values, errors="coerce")
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return numbers.where(numbers.between(low, high))


def _texts(values: pd.Series) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if pd.isna(value) else str(value) for value in values], pa.string())])
