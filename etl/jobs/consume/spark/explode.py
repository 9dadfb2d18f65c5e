"""The readings of a nested message, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from etl.contract.model import Contract
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE, ParsedObjects, elements_of, schema_of
from etl.jobs.consume.spark.suspect_values import any_of
from etl.validation.structure import Node

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

_LARGE_BYTES = 65_536

_MOST_COPIED_BYTES = 4 << 30


def explode(
    split: DataFrame,
    contract: Contract,
    root: Node,
    message: ParsedObjects,
    unsound: SparkColumn,
    beside: Sequence[str],
) -> tuple[DataFrame, ParsedObjects, list[SparkColumn]]:
    """One row per reading of a message; the values of the readings; and the reasons to keep a row's message text.

    :param beside: more columns of the message, which every row keeps.
    """
    from pyspark.sql import functions as F

    split = split.select(
        *("partition", "offset", "timestamp", UNPARSABLE, *beside),
        # As text: Spark copies a binary value every time it is read.
        F.col("value").cast("string").alias("message"),
        F.coalesce(F.length("value").cast("bigint"), F.lit(0)).alias("bytes"),
        *(value.alias(_outer_name(name)) for name, value in message.values.items()),
        F.when(~F.col(UNPARSABLE), _array(root, F.get("parsed", F.lit(0)))).alias("array"),
        unsound.alias("is unsound"),
        any_of(message.unknown).alias("has unknown keys"),
    )
    split = split.select(
        *("partition", "offset", "timestamp", UNPARSABLE, *beside, *map(_outer_name, message.values)),
        *("is unsound", "has unknown keys"),
        F.posexplode(_items(root, contract)).alias("item", "reading"),
    )
    split = split.withColumn(UNPARSABLE, F.col(UNPARSABLE) | F.col("reading.is_given_up"))
    readings = ParsedObjects({name: F.col(_outer_name(name)) for name in message.values})
    readings.add_elements(elements_of(root), F.col("reading.chain"))
    has_no_readings = F.col("reading.chain").isNull()
    return split, readings, [F.col("is unsound"), F.col("has unknown keys"), has_no_readings, readings.is_suspect]


def _items(root: Node, contract: Contract) -> SparkColumn:
    """All readings of a message; a message without readings has one without values. The column `array` is the outermost array.

    Each reading has a `chain` (the texts of the elements that contain it, outermost first) and the `message`. Copying the
    message into every row takes too much: 65,000 readings in 5 MB would be 300 GB. So the readings of a large message keep it
    only where its text is suspect (unknown keys around the readings are reported with the first one). If the loader rejects
    one of the others, it composes the text from the columns.
    If the copies would still take too much, the message `is_given_up`: it becomes one row.

    Explode this expression directly, not a column that holds it: `transform` is not part of the code that Spark generates, so
    the explosion is not either. Generated code would keep all rows of a message in memory at once.
    """
    from pyspark.sql import functions as F

    is_large = F.col("bytes") > _LARGE_BYTES
    all_are_suspect = F.col("is unsound") | (F.col("has unknown keys") & F.lit(contract.unknown_keys == "discard"))

    def is_suspect(chain: SparkColumn) -> SparkColumn:
        elements = ParsedObjects()
        elements.add_elements(elements_of(root), chain)
        return elements.is_suspect

    def reading(chain: SparkColumn, number: SparkColumn) -> SparkColumn:
        reports_keys = F.col("has unknown keys") & (number == 0)
        message = F.when(~is_large | all_are_suspect | reports_keys | is_suspect(chain), F.col("message"))
        return _reading(chain, message)

    chains = _chains(root)
    copies = F.when(all_are_suspect, F.size(chains)).otherwise(F.size(F.filter(chains, is_suspect)))
    is_given_up = F.coalesce(is_large & (copies * F.col("bytes") > _MOST_COPIED_BYTES), F.lit(False))
    without_values = _reading(F.lit(None).cast("array<string>"), F.col("message"), is_given_up)
    return F.when((F.size(chains) > 0) & ~is_given_up, F.transform(chains, reading)).otherwise(F.array(without_values))


def _reading(chain: SparkColumn, message: SparkColumn, is_given_up: SparkColumn | None = None) -> SparkColumn:
    from pyspark.sql import functions as F

    given_up = F.lit(False) if is_given_up is None else is_given_up
    return F.struct(chain.alias("chain"), message.alias("message"), given_up.alias("is_given_up"))


def _chains(root: Node) -> SparkColumn:
    """Per reading, the texts of the elements that contain it, outermost first."""
    from pyspark.sql import functions as F

    chains = F.transform("array", lambda text: F.array(text))  # noqa: PLW0108 (transform counts arguments)
    for node in elements_of(root)[:-1]:
        chains = F.flatten(F.transform(chains, _deeper(node)))
    return chains


def _deeper(node: Node) -> Callable[[SparkColumn], SparkColumn]:
    """Extends a chain by each element of the array in its last element; by NULL where there is no array."""
    from pyspark.sql import functions as F

    def deeper(chain: SparkColumn) -> SparkColumn:
        inner = _array(node, F.from_json(F.element_at(chain, -1), f"struct<{schema_of(node)}>"))
        filled = F.when(F.size(inner) > 0, inner).otherwise(F.array(F.lit(None).cast("string")))
        return F.transform(filled, lambda text: F.concat(chain, F.array(text)))

    return deeper


def _array(node: Node, parsed: SparkColumn) -> SparkColumn:
    """The array of readings in an object, at any depth."""
    from pyspark.sql import functions as F

    if node.array:
        return parsed[node.array]
    key, inner = next((key, inner) for key, inner in node.objects.items() if elements_of(inner))
    return _array(inner, F.from_json(parsed[key], f"struct<{schema_of(inner)}>"))


def _outer_name(column: str) -> str:
    """The name of a value that is outside the array of readings."""
    return f"{column} of the message"
