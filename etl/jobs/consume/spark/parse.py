"""Kafka messages as text columns, in Spark: the counterpart of `etl.validation.message`, which says what the columns mean.

Spark judges nothing: types and rules are the loader's business. A message that it cannot split, or that looks wrong at a
glance, keeps its own text in the column `raw`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.contract.model import Contract
from etl.jobs.consume.spark.doubts import any_of, as_meant, is_suspect, meant_name, with_usable_patterns
from etl.jobs.consume.spark.plain import PlainForm, plain_form
from etl.validation.structure import Node, tree

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

# Names that no column of a contract can have.
UNPARSABLE = "is unparsable"
_APART, _PLAIN, _DOUBTFUL, _BYTES = "taken apart", "is plain", "is doubtful", "message bytes"
_SURROGATE = r"\\u[dD][89a-fA-F]"
# Also an escaped backslash, after which a `u` is just a letter.
_PAIRS = r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LARGE_BYTES = 65_536
_MOST_COPIED_BYTES = 4 << 30
_MOST_VALUES = 2_000_000
_MOST_VALUES_EXPLODED = 300_000
"""Spark holds the keys and elements of a message in memory, each as an object: `[0,0,…]` takes a hundred times its size."""


def split_messages(messages: DataFrame, contract: Contract) -> DataFrame:
    """Kafka messages as text columns: those of the contract, then partition, offset, item, time and `raw`.

    One further column, UNPARSABLE, says whether Spark could split the message. A message without readings is one row.

    Only messages that are not plain (`etl.jobs.consume.spark.plain`) are parsed. `from_json` takes the first object and says
    nothing of what follows it. So each message is parsed as the first element of an array whose second element is a mark
    that no message can contain: only if both are found, and nothing else, was the message one JSON object.
    """
    root, plain = tree(contract), plain_form(contract)
    split, found, unsound = _parsed(messages, contract, root, plain)
    doubts = [unsound, any_of(found.unknown)]
    if contract.explode:
        split, doubts = _exploded(split, contract, root, found, unsound)
    located = _located(split, contract, plain, found, doubts)
    return _with_raw(located, contract)


def _parsed(
    messages: DataFrame, contract: Contract, root: Node, plain: PlainForm | None
) -> tuple[DataFrame, _Found, SparkColumn]:
    """Messages with `parsed`, `keys` and UNPARSABLE; what is found in them, and whether their text is unsound."""
    from pyspark.sql import functions as F

    mark = secrets.token_hex(16)
    whole = F.col("value").cast("string")
    split = messages
    if plain:
        split = split.withColumn(_APART, plain.take_apart(whole)).withColumn(_PLAIN, plain.is_plain(F.col(_APART)))
    is_parsed = ~_is_crowded(whole, _MOST_VALUES_EXPLODED if contract.explode else _MOST_VALUES)
    text = F.when(~F.col(_PLAIN) & is_parsed if plain else is_parsed, whole)
    parsed = F.from_json(
        F.concat(F.lit("["), text, F.lit(f',{{"{mark}":"{mark}"}}]')),
        f"array<struct<{_fields(root, mark)}>>",
        {"allowSingleQuotes": "false", "maxNumLen": str(2**31 - 1)},
    )
    first, last = F.get("parsed", F.lit(0)), F.get("parsed", F.lit(1))
    found = _Found()
    found.look_at(root, text, first, keys=F.col("keys"))
    sound = (F.col(_PLAIN) if plain else F.lit(False)) | (
        F.col("value").isNotNull()
        & F.is_valid_utf8(text)
        & (F.size("parsed") == 2)
        & first.isNotNull()
        & (last[mark] == mark)
        & ~any_of(found.repeated)
    )
    # Columns, for Spark would parse the message once for every mention of an expression.
    # Keys only of what could be parsed: what makes Jackson give up (many keys of one hash code) stops a job here.
    split = split.withColumn("parsed", parsed)
    split = split.withColumn("keys", F.when(first.isNotNull(), F.json_object_keys(text)))
    split = split.withColumn(UNPARSABLE, ~F.coalesce(sound, F.lit(False)))
    # Spark would turn half of a surrogate pair into a question mark. Keys that cannot be listed mean that it is no JSON by
    # RFC 8259: `from_json` takes NaN.
    half = text.rlike(_SURROGATE) & F.regexp_replace(text, _PAIRS, "").rlike(_SURROGATE)
    unsound = any_of([F.col(UNPARSABLE), F.coalesce(half, F.lit(False)), text.isNotNull() & F.col("keys").isNull()])
    return split, found, unsound


def _exploded(
    split: DataFrame, contract: Contract, root: Node, found: _Found, unsound: SparkColumn
) -> tuple[DataFrame, list[SparkColumn]]:
    """A row for each reading of a message, and what makes one doubtful; `found` then has the values of the readings."""
    from pyspark.sql import functions as F

    split = split.select(
        *("partition", "offset", "timestamp", UNPARSABLE),
        # As text, for Spark copies bytes with every look at them.
        F.col("value").cast("string").alias("message"),
        F.coalesce(F.length("value").cast("bigint"), F.lit(0)).alias("bytes"),
        *(value.alias(_of_message(name)) for name, value in found.values.items()),
        F.when(~F.col(UNPARSABLE), _array(root, F.get("parsed", F.lit(0)))).alias("array"),
        unsound.alias("is unsound"),
        any_of(found.unknown).alias("has unknown keys"),
    )
    split = split.select(
        *("partition", "offset", "timestamp", UNPARSABLE, *map(_of_message, found.values)),
        *("is unsound", "has unknown keys"),
        F.posexplode(_items(root, contract)).alias("item", "reading"),
    )
    split = split.withColumn(UNPARSABLE, F.col(UNPARSABLE) | F.col("reading.is_given_up"))
    inner = _Found({name: F.col(_of_message(name)) for name in found.values})
    inner.look_into(_elements(root), F.col("reading.chain"))
    found.values = inner.values
    is_alone = F.col("reading.chain").isNull()
    return split, [F.col("is unsound"), F.col("has unknown keys"), is_alone, inner.is_doubtful]


def _located(
    split: DataFrame, contract: Contract, plain: PlainForm | None, found: _Found, doubts: list[SparkColumn]
) -> DataFrame:
    """The contract's columns as texts, and where each row came from."""
    from pyspark.sql import functions as F

    names = contract.column_names
    values = {name: F.when(~F.col(UNPARSABLE), found.values[name]) for name in names}
    if plain:
        values = {
            name: F.when(F.col(_PLAIN), plain.value(F.col(_APART), name)).otherwise(values[name]) for name in names
        }
    return split.select(
        *(value.alias(name) for name, value in values.items()),
        F.col("partition").cast("string").alias("source_partition"),
        F.col("offset").cast("string").alias("source_offset"),
        (F.col("item").cast("string") if contract.explode else F.lit("0")).alias("source_item"),
        F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSS").alias("source_time"),
        (F.col("reading.message").cast("binary") if contract.explode else F.col("value")).alias(_BYTES),
        UNPARSABLE,
        any_of(doubts).alias(_DOUBTFUL),
    )


def _with_raw(located: DataFrame, contract: Contract) -> DataFrame:
    """Rows with their message's text, where one of their values looks wrong."""
    from pyspark.sql import functions as F

    meant = {meant_name(column): as_meant(column, contract.event_time) for column in contract.columns}
    located = located.withColumns({name: value for name, value in meant.items() if value is not None})
    columns = with_usable_patterns(located.sparkSession, contract.columns)
    wrong = any_of(is_suspect(column, contract) for column in columns)
    is_there = F.col(UNPARSABLE) | F.col(_BYTES).isNotNull()
    raw = F.when(is_there & (F.col(_DOUBTFUL) | F.coalesce(wrong, F.lit(True))), _raw_text()).alias("raw")
    origin = ("source_partition", "source_offset", "source_item", "source_time")
    return located.select(*contract.column_names, *origin, raw, UNPARSABLE)


def unsplit_messages(messages: DataFrame, contract: Contract) -> DataFrame:
    """Kafka messages as `split_messages` gives those that it cannot split: nothing but their text."""
    from pyspark.sql import functions as F

    return messages.withColumn(_BYTES, F.col("value")).select(
        *(F.lit(None).cast("string").alias(name) for name in contract.column_names),
        F.col("partition").cast("string").alias("source_partition"),
        F.col("offset").cast("string").alias("source_offset"),
        F.lit("0").alias("source_item"),
        F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSS").alias("source_time"),
        _raw_text().alias("raw"),
        F.lit(True).alias(UNPARSABLE),
    )


@dataclass
class _Found:
    """What was found in the objects of a message: columns, and reasons to doubt it."""

    values: dict[str, SparkColumn] = field(default_factory=dict)
    repeated: list[SparkColumn] = field(default_factory=list)
    """Whether a key of the contract stands in an object twice."""
    unknown: list[SparkColumn] = field(default_factory=list)
    """Whether an object has keys that the contract does not name."""
    absent: list[SparkColumn] = field(default_factory=list)
    """Whether an element of an array is not there, or is no object."""

    def look_at(self, node: Node, text: SparkColumn, parsed: SparkColumn, *, keys: SparkColumn | None = None) -> None:
        """Take the columns of an object, and of the objects in it.

        :param keys: of the object, where they are known already.
        """
        from pyspark.sql import functions as F

        keys = F.json_object_keys(text) if keys is None else keys
        known = F.array(*(F.lit(key) for key in node.keys))
        # Most messages have just the contract's keys in its order, which is the cheapest to find out.
        unlike = keys != known
        of_contract = F.filter(keys, lambda key: F.array_contains(known, key))
        repeats = F.size(of_contract) != F.size(F.array_distinct(of_contract))
        self.repeated.append(F.coalesce(unlike & repeats, F.lit(False)))
        self.unknown.append(F.coalesce(unlike & (F.size(F.array_except(keys, known)) > 0), F.lit(False)))
        self.values |= {column: parsed[key] for key, column in node.leaves}
        for key, inner in node.objects.items():
            self.look_at(inner, parsed[key], F.from_json(parsed[key], f"struct<{_fields(inner)}>"))

    @property
    def is_doubtful(self) -> SparkColumn:
        return any_of([*self.repeated, *self.unknown, *self.absent])

    def look_into(self, elements: list[Node], chain: SparkColumn) -> None:
        """The same for the elements in which a reading lies: `chain` holds their texts."""
        from pyspark.sql import functions as F

        for depth, node in enumerate(elements):
            text = F.get(chain, F.lit(depth))
            self.values |= dict.fromkeys(node.whole, text)
            if node.whole:
                self.absent.append(text.isNull())
            else:
                self.absent.append(F.json_object_keys(text).isNull())
                self.look_at(node, text, F.from_json(text, f"struct<{_fields(node)}>"))


def _fields(node: Node, *more: str) -> str:
    """The keys of an object as fields of a struct: texts, and the array of the readings as texts of its elements."""
    names = [f"{_quoted(key)}:string" for key in (*node.keys, *more) if key != node.array]
    return ",".join([*names, *([f"{_quoted(node.array)}:array<string>"] if node.array else [])])


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _elements(node: Node) -> list[Node]:
    if node.element is not None:
        return [node.element, *_elements(node.element)]
    return [found for inner in node.objects.values() for found in _elements(inner)]


def _items(root: Node, contract: Contract) -> SparkColumn:
    """All readings of a message; one without values where it has none. The column `array` holds the outermost array.

    Each has a `chain`, the texts of the elements in which it lies, outermost first, and the `message`, which every row would
    keep a copy of: 65,000 readings in 5 MB would be 300 GB. So those of a large message have it only where its text is doubtful
    (unknown keys around the readings are reported with the first one). What the loader rejects then, it writes again from the
    columns.
    If the copies would take too much even so, the message `is_given_up`: it is left as one row.

    This must be exploded as it is, not as a column: `transform` is outside of the code that Spark generates, and the explosion
    with it. Generated code would keep all rows of a message in memory at once.
    """
    from pyspark.sql import functions as F

    is_large = F.col("bytes") > _LARGE_BYTES
    all_are_doubtful = F.col("is unsound") | (F.col("has unknown keys") & F.lit(contract.growth == "discard"))

    def is_doubtful(chain: SparkColumn) -> SparkColumn:
        inner = _Found()
        inner.look_into(_elements(root), chain)
        return inner.is_doubtful

    def reading(chain: SparkColumn, number: SparkColumn) -> SparkColumn:
        tells_keys = F.col("has unknown keys") & (number == 0)
        message = F.when(~is_large | all_are_doubtful | tells_keys | is_doubtful(chain), F.col("message"))
        return _reading(chain, message)

    chains = _chains(root)
    copies = F.when(all_are_doubtful, F.size(chains)).otherwise(F.size(F.filter(chains, is_doubtful)))
    is_given_up = F.coalesce(is_large & (copies * F.col("bytes") > _MOST_COPIED_BYTES), F.lit(False))
    nothing = _reading(F.lit(None).cast("array<string>"), F.col("message"), is_given_up)
    return F.when((F.size(chains) > 0) & ~is_given_up, F.transform(chains, reading)).otherwise(F.array(nothing))


def _reading(chain: SparkColumn, message: SparkColumn, is_given_up: SparkColumn | None = None) -> SparkColumn:
    from pyspark.sql import functions as F

    given_up = F.lit(False) if is_given_up is None else is_given_up
    return F.struct(chain.alias("chain"), message.alias("message"), given_up.alias("is_given_up"))


def _chains(root: Node) -> SparkColumn:
    from pyspark.sql import functions as F

    chains = F.transform("array", lambda text: F.array(text))  # noqa: PLW0108 (transform counts arguments)
    for node in _elements(root)[:-1]:
        chains = F.flatten(F.transform(chains, _deeper(node)))
    return chains


def _deeper(node: Node) -> Callable[[SparkColumn], SparkColumn]:
    """Makes of a chain those that go on into the array of its last element; without an array it stays, with nothing inside."""
    from pyspark.sql import functions as F

    def deeper(chain: SparkColumn) -> SparkColumn:
        inner = _array(node, F.from_json(F.element_at(chain, -1), f"struct<{_fields(node)}>"))
        filled = F.when(F.size(inner) > 0, inner).otherwise(F.array(F.lit(None).cast("string")))
        return F.transform(filled, lambda text: F.concat(chain, F.array(text)))

    return deeper


def _array(node: Node, parsed: SparkColumn) -> SparkColumn:
    """The array of an object, wherever in it it stands."""
    from pyspark.sql import functions as F

    if node.array:
        return parsed[node.array]
    key, inner = next((key, inner) for key, inner in node.objects.items() if _elements(inner))
    return _array(inner, F.from_json(parsed[key], f"struct<{_fields(inner)}>"))


def _is_crowded(text: SparkColumn, most: int) -> SparkColumn:
    """Whether a message has too many values to be parsed; never NULL."""
    from pyspark.sql import functions as F

    values = F.length(text) - F.length(F.replace(text, F.lit(",")))
    return F.coalesce((F.octet_length(text) > most) & (values > most), F.lit(False))


def _raw_text() -> SparkColumn:
    from pyspark.sql import functions as F

    text = F.col(_BYTES).cast("string")
    plain = F.is_valid_utf8(text) & ~text.contains("\0") & ~text.startswith("\\")
    as_bytes = F.concat(F.lit("\\x"), F.lower(F.hex(_BYTES)))
    return F.when(F.col(_BYTES).isNull(), F.lit("\\null")).when(plain, text).otherwise(as_bytes)


def _of_message(column: str) -> str:
    """Name of a value that stands outside of the array of readings."""
    return f"{column} of the message"
