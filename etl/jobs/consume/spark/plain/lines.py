"""Kafka messages as lines of part files.

Most messages are *plain*: flat (`etl.jobs.consume.spark.flat_messages`), nothing in them looks wrong, and none of their values
needs quotes. One regular expression recognises such a message and makes its line. Every other message is split into columns, and
these become a line as Spark's CSV writer would write it.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.contract.model import Contract
from etl.jobs.consume.spark.flat_messages import message_expression, sources
from etl.jobs.consume.spark.incoming import origins
from etl.jobs.consume.spark.parse import split_messages
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.plain.values import plain_value

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LINE, IS_FIRST = "line of the file", "is first of its message"
"""Columns of `part_lines`, besides UNPARSABLE; names with a space, which no column of a contract can have."""
_FOUND, _PLAIN = "plain message", "plain line"
_CSV = {
    "escape": '"',
    "emptyValue": '""',
    "nullValue": "",
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
_LONGEST = 2**31 - 1


@dataclass(frozen=True)
class PlainForm:
    """The form of a feed's messages when they are plain."""

    expression: str
    """In a syntax that Java and Python share, with two groups per value: a text without its quotes, or any other scalar."""
    places: tuple[int, ...]
    """The numbers of the values of a line, from 0, in the order of the line."""

    @property
    def replacement(self) -> str:
        """What the expression's match is replaced by: the values, separated by commas; nothing for those that are missing."""
        return ",".join(f"${2 * place + 1}${2 * place + 2}" for place in self.places)


def plain_form(contract: Contract) -> PlainForm | None:
    """The plain form of a feed's messages; None where there is none, or where an expression cannot tell whether it is plain.

    Times are compared with the current one.
    """
    required, columns = sources(contract), contract.message_columns
    if required is None or contract.source.format.needs_registry or any(column.origin for column in contract.columns):
        return None
    latest = datetime.fromtimestamp(time.time() + contract.event_time.ahead_seconds, UTC)
    plain = {column.source: plain_value(column, contract, latest) for column in columns}
    values = {path: value for path, value in plain.items() if value is not None}
    if not len(values) == len(plain) == len(columns):
        return None
    # Of optional values, the text "null" is left to the parser, as in flat messages.
    expressions = {
        path: rf'(?:"({quoted})"|({scalar}))' if required[path] else rf'(?:"(?!null")({quoted})"|({scalar})|null)'
        for path, (quoted, scalar) in values.items()
    }
    expression, order = message_expression(expressions, required)
    return PlainForm(expression, tuple(order.index(contract.column(name).source) for name in contract.read_names))


def part_lines(messages: DataFrame, contract: Contract) -> DataFrame:
    """Kafka messages as lines of part files, in their order: LINE, and UNPARSABLE and IS_FIRST, by which messages are counted."""
    form = plain_form(contract)
    if form is None:
        return lines_of(split_messages(messages, contract))
    split = split_messages(_with_plain_lines(messages, contract, form), contract, beside=(_PLAIN,))
    return lines_of(split, of_plain=True)


def lines_of(split: DataFrame, *, of_plain: bool = False) -> DataFrame:
    """The rows of `split_messages` as lines of part files.

    :param of_plain: whether the lines of plain messages are there already.
    """
    from pyspark.sql import functions as F

    line = F.to_csv(F.struct(*(name for name in split.columns if name not in (UNPARSABLE, _PLAIN))), _CSV)
    unparsable = F.col(UNPARSABLE)
    if of_plain:
        line, unparsable = F.coalesce(_PLAIN, line), F.col(_PLAIN).isNull() & unparsable
    return split.select(line.alias(LINE), (F.col("source_item") == "0").alias(IS_FIRST), unparsable.alias(UNPARSABLE))


def _with_plain_lines(messages: DataFrame, contract: Contract, form: PlainForm) -> DataFrame:
    """The messages with the lines of those that are plain; of these, nothing else is left that could take time."""
    from pyspark.sql import functions as F

    # Random, so that nobody can send a message that looks like one that was found.
    mark = secrets.token_hex(16)
    found = F.regexp_replace(F.col("value").cast("string"), form.expression, mark + form.replacement)
    values = F.substring(F.col(_FOUND), len(mark) + 1, _LONGEST)
    place = (F.concat(F.lit(","), F.col(name).cast("string")) for name in ("partition", "offset"))
    line = F.concat(values, *place, F.lit(",0,"), origins.source_time(), F.lit(","))
    # As columns: Spark would search each message again for every use of the expression.
    messages = messages.withColumn(_FOUND, found)
    messages = messages.withColumn(_PLAIN, F.when(F.col(_FOUND).startswith(mark), line))
    others = (F.when(F.col(_PLAIN).isNull(), F.col(name)).alias(name) for name in origins.kafka_columns(contract))
    return messages.select(_PLAIN, *others)
