"""Kafka messages as text columns, in Spark: the counterpart of `etl.validation.message`, which defines what the columns mean.

Spark validates nothing: types and rules are checked by the loader. A message that Spark cannot split, or that looks wrong,
keeps its own text in the column `raw`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etl.contract.model import ROOT, Contract
from etl.jobs.consume.spark.explode import explode
from etl.jobs.consume.spark.flat_messages import FlatForm, flat_form
from etl.jobs.consume.spark.incoming import decoding, origins
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE, ParsedObjects, is_crowded, schema_of
from etl.jobs.consume.spark.suspect_values import (
    any_of,
    as_typed,
    expected_words,
    is_suspect,
    typed_name,
    with_usable_patterns,
    without_quotes,
)
from etl.validation.structure import Node, tree

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

# Names with a space, which no column of a contract can have.
_PARTS, _FLAT, _SUSPECT, _BYTES = "flat parts", "is flat", "is suspect", "message bytes"
_LAX = "is no JSON by RFC 8259"
_SURROGATE = r"\\u[dD][89a-fA-F]"
# An escaped backslash matches too: a `u` after it is just a letter.
_PAIRS = r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_MOST_VALUES = 2_000_000
_MOST_VALUES_EXPLODED = 300_000
"""Spark holds the keys and elements of a message in memory, each as an object: `[0,0,…]` takes a hundred times its size."""


def split_messages(messages: DataFrame, contract: Contract, *, beside: Sequence[str] = ()) -> DataFrame:
    """Kafka messages as text columns: those of the contract that are not combined, then partition, offset, item, time and `raw`.

    One further column, UNPARSABLE, is true where Spark could not split the message. A message without readings is one row.

    :param beside: more columns of the messages, which every row keeps, after the others.

    Only messages that are not flat (`etl.jobs.consume.spark.flat_messages`) are parsed. `from_json` reads the first object
    and ignores what follows it. So each message is parsed as the first element of an array whose second element is a random
    mark: only if exactly these two elements are found was the message one JSON object. Where the message itself is the array of
    readings, it is parsed as the object `{"$": message}`.
    """
    from pyspark.sql import functions as F

    root, flat = tree(contract), flat_form(contract)
    split, parsed, unsound = _parse(origins.with_origins(messages, contract), contract, root, flat)
    suspect = [unsound, any_of(parsed.unknown)]
    lax = [_LAX] if expected_words(contract) else []
    split = split.withColumns({name: F.col("keys").isNull() for name in lax})
    if contract.explode:
        kept = (*origins.places(contract).values(), *decoding.flags(contract), *lax, *beside)
        split, parsed, suspect = explode(split, contract, root, parsed, unsound, kept)
    located = _locate(split, contract, flat, parsed, suspect, beside)
    return _keep_suspect_text(located, contract, beside)


def _parse(
    messages: DataFrame, contract: Contract, root: Node, flat: FlatForm | None
) -> tuple[DataFrame, ParsedObjects, SparkColumn]:
    """Messages with the columns `parsed`, `keys` and UNPARSABLE; the values in them; and whether their text is unsound."""
    from pyspark.sql import functions as F

    mark = secrets.token_hex(16)
    whole = decoding.value_as_text(contract)
    split = messages
    if flat:
        split = split.withColumn(_PARTS, flat.split(whole)).withColumn(_FLAT, flat.is_flat(F.col(_PARTS)))
    is_parsed = ~is_crowded(whole, _MOST_VALUES_EXPLODED if contract.explode else _MOST_VALUES)
    text = F.when(~F.col(_FLAT) & is_parsed if flat else is_parsed, _as_object(whole, contract))
    parsed = F.from_json(
        F.concat(F.lit("["), text, F.lit(f',{{"{mark}":"{mark}"}}]')),
        f"array<struct<{schema_of(root, mark)}>>",
        {"allowSingleQuotes": "false", "maxNumLen": str(2**31 - 1)},
    )
    first, last = F.get("parsed", F.lit(0)), F.get("parsed", F.lit(1))
    objects = ParsedObjects()
    objects.add_object(root, text, first, contract.envelope, keys=F.col("keys"))
    sound = (F.col(_FLAT) if flat else F.lit(False)) | (
        F.col("value").isNotNull()
        & F.is_valid_utf8(text)
        & (F.size("parsed") == 2)
        & first.isNotNull()
        & (last[mark] == mark)
        & ~any_of(objects.repeated)
        & _is_whole(contract)
    )
    # As columns: Spark would parse the message again for every use of the expression.
    # The keys only of what could be parsed: a message on which Jackson gives up (many keys of one hash code) would stop the job.
    split = split.withColumn("parsed", parsed)
    split = split.withColumn("keys", F.when(first.isNotNull(), F.json_object_keys(text)))
    split = split.withColumn(UNPARSABLE, ~F.coalesce(sound, F.lit(False)))
    # Spark would turn half of a surrogate pair into a question mark. Where keys cannot be listed the message is not JSON by
    # RFC 8259; `from_json` accepts NaN.
    half = text.rlike(_SURROGATE) & F.regexp_replace(text, _PAIRS, "").rlike(_SURROGATE)
    unsound = any_of([F.col(UNPARSABLE), F.coalesce(half, F.lit(False)), text.isNotNull() & F.col("keys").isNull()])
    if objects.absent:
        unsound = unsound | (text.isNotNull() & any_of(objects.absent))
    return split, objects, unsound


def _as_object(message: SparkColumn, contract: Contract) -> SparkColumn:
    from pyspark.sql import functions as F

    return F.concat(F.lit(f'{{"{ROOT}":'), message, F.lit("}")) if contract.explodes_root else message


def _is_whole(contract: Contract) -> SparkColumn:
    """Whether an array ends where the message does; `[],"a":1` does not. True where a NaN hides the keys."""
    from pyspark.sql import functions as F

    return F.coalesce(F.size("keys") == 1, F.lit(True)) if contract.explodes_root else F.lit(True)


def _locate(
    split: DataFrame,
    contract: Contract,
    flat: FlatForm | None,
    parsed: ParsedObjects,
    suspect: list[SparkColumn],
    beside: Sequence[str],
) -> DataFrame:
    """The contract's columns as texts, and where each row came from."""
    from pyspark.sql import functions as F

    names = [column.name for column in contract.message_columns]
    values = {name: F.when(~F.col(UNPARSABLE), parsed.values[name]) for name in names}
    if flat:
        values = {name: F.when(F.col(_FLAT), flat.value(F.col(_PARTS), name)).otherwise(values[name]) for name in names}
    words = expected_words(contract)
    values = {name: without_quotes(value, words, F.col(_LAX)) for name, value in values.items()}
    values |= {name: F.col(place) for name, place in origins.places(contract).items()}
    return split.select(
        *(values[name].alias(name) for name in contract.read_names),
        F.col("partition").cast("string").alias("source_partition"),
        F.col("offset").cast("string").alias("source_offset"),
        (F.col("item").cast("string") if contract.explode else F.lit("0")).alias("source_item"),
        origins.source_time().alias("source_time"),
        (F.col("reading.message").cast("binary") if contract.explode else F.col("value")).alias(_BYTES),
        *decoding.flags(contract),
        *beside,
        UNPARSABLE,
        any_of(suspect).alias(_SUSPECT),
    )


def _keep_suspect_text(located: DataFrame, contract: Contract, beside: Sequence[str]) -> DataFrame:
    """The rows with their message's text in `raw` where one of their values looks wrong, else NULL."""
    from pyspark.sql import functions as F

    read_columns = [column for column in contract.columns if column.is_read]
    typed = {typed_name(column): as_typed(column, contract.event_time) for column in read_columns}
    located = located.withColumns({name: value for name, value in typed.items() if value is not None})
    columns = with_usable_patterns(located.sparkSession, read_columns)
    wrong = any_of(is_suspect(column, contract) for column in columns)
    is_there = F.col(UNPARSABLE) | F.col(_BYTES).isNotNull()
    raw = F.when(is_there & (F.col(_SUSPECT) | F.coalesce(wrong, F.lit(True))), _raw_text(contract)).alias("raw")
    origin = ("source_partition", "source_offset", "source_item", "source_time")
    return located.select(*contract.read_names, *origin, raw, UNPARSABLE, *beside)


def unsplit_messages(messages: DataFrame, contract: Contract) -> DataFrame:
    """Kafka messages as `split_messages` gives those that it cannot split: their text, and what Kafka keeps beside them.

    :param messages: as they are in Kafka, not decoded.
    """
    from pyspark.sql import functions as F

    places = origins.places(contract)
    nothing = F.lit(None).cast("string")
    return (
        origins.with_origins(messages, contract)
        .withColumn(_BYTES, F.col("value"))
        .select(
            *((F.col(places[name]) if name in places else nothing).alias(name) for name in contract.read_names),
            F.col("partition").cast("string").alias("source_partition"),
            F.col("offset").cast("string").alias("source_offset"),
            F.lit("0").alias("source_item"),
            origins.source_time().alias("source_time"),
            _raw_text(contract, is_decoded=False).alias("raw"),
            F.lit(True).alias(UNPARSABLE),
        )
    )


def _raw_text(contract: Contract, *, is_decoded: bool = True) -> SparkColumn:
    """A message's text as `etl.validation.message` defines the column `raw`.

    :param is_decoded: whether records that are not text have been decoded, as far as they could be.
    """
    from pyspark.sql import functions as F

    text = F.col(_BYTES).cast("string")
    readable = F.is_valid_utf8(text) & ~text.contains("\0") & ~text.startswith("\\")
    if contract.source.format.needs_registry:
        readable = readable & F.col(decoding.DECODED) if is_decoded else F.lit(False)
    as_bytes = F.concat(F.lit("\\x"), F.lower(F.hex(_BYTES)))
    return F.when(F.col(_BYTES).isNull(), F.lit("\\null")).when(readable, text).otherwise(as_bytes)
