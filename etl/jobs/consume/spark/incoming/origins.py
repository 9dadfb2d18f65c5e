r"""What Kafka keeps beside a message: its key, headers, topic and time, as text columns.

Keys and header values are bytes. They become text where they are UTF-8 without NUL, else `\x` and their hexadecimal digits. Of
several headers with one name, the last is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from etl.contract.model import Column, Contract

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

_HEADER = "header"


def source_options(contract: Contract) -> dict[str, str]:
    """Options of Spark's Kafka source. Headers are read only where a column needs them: each costs memory in every message."""
    needs_headers = any(_kind(column) == _HEADER for column in _columns(contract))
    return {"includeHeaders": "true"} if needs_headers else {}


def kafka_columns(contract: Contract) -> tuple[str, ...]:
    """The columns of Spark's Kafka source that a feed needs."""
    beside = dict.fromkeys(_NEEDED[_kind(column)] for column in _columns(contract))
    return (*dict.fromkeys(("value", "partition", "offset", "timestamp", *beside)),)


def places(contract: Contract) -> dict[str, str]:
    """Column of the contract → where its value waits; these names have spaces, which no column of a contract can have."""
    return {column.name: f"{column.name} beside the message" for column in _columns(contract)}


def source_time() -> SparkColumn:
    """When Kafka received a message."""
    from pyspark.sql import functions as F

    return F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSS")


def with_origins(messages: DataFrame, contract: Contract) -> DataFrame:
    """The messages, with the values that a contract takes from beside them."""
    names = places(contract)
    values = {names[column.name]: _READ[_kind(column)](_argument(column)) for column in _columns(contract)}
    return messages.withColumns(values) if values else messages


def _columns(contract: Contract) -> list[Column]:
    return [column for column in contract.columns if column.origin]


def _kind(column: Column) -> str:
    return column.origin.partition(":")[0]


def _argument(column: Column) -> str:
    return column.origin.partition(":")[2]


def _key(_: str) -> SparkColumn:
    from pyspark.sql import functions as F

    return _as_text(F.col("key"))


def _header(name: str) -> SparkColumn:
    from pyspark.sql import functions as F

    named = F.filter("headers", lambda header: header["key"] == name)
    return _as_text(F.get(named, F.size(named) - 1)["value"])


def _topic(_: str) -> SparkColumn:
    from pyspark.sql import functions as F

    return F.col("topic")


def _broker_time(_: str) -> SparkColumn:
    from pyspark.sql import functions as F

    return F.date_format("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")


_READ: Mapping[str, Callable[[str], SparkColumn]] = {
    "key": _key,
    _HEADER: _header,
    "topic": _topic,
    "broker_time": _broker_time,
}
"""Kind of origin → its value; the argument is what follows the colon in `header:NAME`."""
_NEEDED: Mapping[str, str] = {"key": "key", _HEADER: "headers", "topic": "topic", "broker_time": "timestamp"}
"""Kind of origin → the column of Spark's Kafka source that has it."""


def _as_text(value: SparkColumn) -> SparkColumn:
    from pyspark.sql import functions as F

    text = value.cast("string")
    is_text = F.is_valid_utf8(text) & ~text.contains("\0")
    return F.when(is_text, text).otherwise(F.concat(F.lit("\\x"), F.lower(F.hex(value))))
