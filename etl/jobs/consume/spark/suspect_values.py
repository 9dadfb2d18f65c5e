"""Which values look wrong, so that the message's text is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from etl.contract.model import EPOCH_UNITS, ISO8601, Column, Contract, EventTime
from etl.jobs.consume.spark.java import patterns

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import SparkSession

_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
"""What JSON parsers accept beside the numbers of JSON."""


def typed_name(column: Column) -> str:
    """The name of a column's value in its type."""
    return f"{column.name} in its type"


def as_typed(column: Column, event_time: EventTime) -> SparkColumn | None:
    """A value as a number or a time, NULL where it is not one; None for a column of another type.

    None also where only the loader can tell: numbers that are not written as in JSON, and times in other or in several formats.
    """
    from pyspark.sql import functions as F

    value = F.col(column.name)
    if column.type in ("integer", "double") and column.number is None:
        return value.try_cast("double" if column.type == "double" else "bigint")
    formats = _formats(column, event_time)
    if column.type == "timestamp" and formats == (ISO8601,):
        return value.try_cast("timestamp")
    if column.type == "timestamp" and len(formats) == 1 and formats[0] in EPOCH_UNITS:
        return (value.try_cast("double") * EPOCH_UNITS[formats[0]]).try_cast("timestamp")
    return None


def expected_words(contract: Contract) -> tuple[str, ...]:
    """`NaN` and infinities that messages may hold, because some column of theirs lists the word as a missing value."""
    return tuple(sorted({word for column in contract.message_columns for word in column.missing} & _NOT_FINITE))


def without_quotes(value: SparkColumn, words: Sequence[str], has_words: SparkColumn) -> SparkColumn:
    """A value as it was in the message: Spark puts `NaN` and infinities in quotes, in every column.

    :param words: those that the contract expects.
    :param has_words: whether the message may hold one that is not in a text. In others, the quotes are part of the text.
    """
    from pyspark.sql import functions as F

    quoted = [f'"{word}"' for word in words]
    return F.when(has_words & value.isin(*quoted), F.btrim(value, F.lit('"'))).otherwise(value) if quoted else value


def is_suspect(column: Column, contract: Contract) -> SparkColumn:
    """Whether a value looks wrong; NULL where it may be wrong. Only a hint to keep the message's text: the loader decides."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    suspect: list[SparkColumn] = []
    if column.number is not None:
        # How the number is written is checked by the loader.
        suspect.append(value.isNull())
    elif column.type in ("integer", "double"):
        number = F.col(typed_name(column))
        limit = 1e300 if column.type == "double" else 2 ** (column.bits - 1) - 1
        low = column.minimum if column.minimum is not None else -limit
        high = column.maximum if column.maximum is not None else limit
        suspect.append(~number.between(low, high))
    elif column.type == "timestamp":
        suspect += _suspect_time(column, contract.event_time)
    elif column.type == "boolean":
        suspect.append(~value.isin("true", "false"))
    else:
        suspect += _suspect_text(column, contract)
    if column.required:
        return any_of(suspect)
    is_there = value.isNotNull() & ~value.isin(*column.missing) if column.missing else value.isNotNull()
    return is_there & any_of(suspect)


def with_usable_patterns(spark: SparkSession, columns: Iterable[Column]) -> list[Column]:
    """The columns, without patterns that Java does not understand or that could stop a job."""

    def usable(pattern: str) -> bool:
        if not patterns.is_cheap(pattern):
            return False
        try:
            spark._jvm.java.util.regex.Pattern.compile(_anchored(pattern))  # type: ignore[union-attr]
        except Py4JJavaError:
            return False
        return True

    return [
        replace(column, pattern=column.pattern if column.pattern and usable(column.pattern) else None)
        for column in columns
    ]


def _anchored(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _suspect_text(column: Column, contract: Contract) -> list[SparkColumn]:
    from pyspark.sql import functions as F

    value = F.col(column.name)
    # A nested object or array arrives as its JSON text, which could be accepted as a text.
    suspect = [value.startswith("{") | value.startswith("[") | value.contains("\0")]
    if column.name in contract.identifying and not column.trim:
        suspect.append(value.endswith(" "))
    if column.max_length is not None:
        suspect.append(F.length(value) > column.max_length)
    if column.min_length is not None:
        suspect.append(F.length(value) < column.min_length)
    if column.pattern is not None:
        short = F.length(value) <= patterns.LENGTH
        suspect.append(~F.when(short, value.rlike(_anchored(column.pattern))).otherwise(False))
    return suspect


def _formats(column: Column, event_time: EventTime) -> tuple[str, ...]:
    return column.formats or event_time.formats


def _suspect_time(column: Column, event_time: EventTime) -> list[SparkColumn]:
    from pyspark.sql import functions as F

    value, moment = F.col(column.name), F.col(typed_name(column))
    if as_typed(column, event_time) is None:
        # Other formats are checked by the loader, which sees every value.
        return [F.length(value) < 4]
    suspect = [moment.isNull()]
    if _formats(column, event_time) == (ISO8601,):
        suspect.append(~value.rlike(r"^\d{4}-\d\d-\d\d[T ]"))
    if column.name == event_time.column:
        # Spark would write a time into the code that it generates, and this one differs in every job: the code would be compiled
        # again, and start slowly, every time. An interval is not written into the code.
        latest = time.time() + event_time.ahead_seconds
        to_epoch = F.make_interval(secs=F.lit(Decimal(f"{latest:.6f}")))
        suspect.append(moment < F.lit(event_time.earliest.astimezone(UTC)))
        suspect.append(moment - to_epoch > F.lit(datetime(1970, 1, 1, tzinfo=UTC)))
    return suspect


def any_of(conditions: Iterable[SparkColumn]) -> SparkColumn:
    """Whether one of the conditions is true."""
    from pyspark.sql import functions as F

    level = list(conditions) or [F.lit(False)]
    # In pairs, because Spark walks through an expression recursively: one after the other, 300 conditions overflow its stack.
    while len(level) > 1:
        level = [left | right for left, right in zip_longest(level[::2], level[1::2], fillvalue=F.lit(False))]
    return level[0]
