"""Kafka messages as text columns, in Spark: the counterpart of `etl.message`, which says what the columns mean.

Spark judges nothing: types and rules are the loader's business. A message that it cannot split, or that looks wrong at a
glance, keeps its own text in the column `raw`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from etl import java_patterns
from etl.message import Node, tree
from etl.model import EPOCH_UNITS, ISO8601, Column, Contract, EventTime
from etl.plain import plain_form

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession

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

    Only messages that are not plain (`etl.plain`) are parsed. `from_json` takes the first object and says nothing of what
    follows it. So each message is parsed as the first element of an array whose second element is a mark that no message can
    contain: only if both are found, and nothing else, was the message one JSON object.
    """
    from pyspark.sql import functions as F

    mark = secrets.token_hex(16)
    root = tree(contract)
    plain = plain_form(contract)
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
        & ~_any(found.repeated)
    )
    # Columns, for Spark would parse the message once for every mention of an expression.
    # Keys only of what could be parsed: what makes Jackson give up (many keys of one hash code) stops a job here.
    split = split.withColumn("parsed", parsed)
    split = split.withColumn("keys", F.when(first.isNotNull(), F.json_object_keys(text)))
    split = split.withColumn(UNPARSABLE, ~F.coalesce(sound, F.lit(False)))
    # Spark would turn half of a surrogate pair into a question mark. Keys that cannot be listed mean that it is no JSON by
    # RFC 8259: `from_json` takes NaN.
    half = text.rlike(_SURROGATE) & F.regexp_replace(text, _PAIRS, "").rlike(_SURROGATE)
    unsound = _any([F.col(UNPARSABLE), F.coalesce(half, F.lit(False)), text.isNotNull() & F.col("keys").isNull()])
    doubts = [unsound, _any(found.unknown)]
    if contract.explode:
        split = split.select(
            *("partition", "offset", "timestamp", UNPARSABLE),
            # As text, for Spark copies bytes with every look at them.
            whole.alias("message"),
            F.coalesce(F.length("value").cast("bigint"), F.lit(0)).alias("bytes"),
            *(value.alias(_of_message(name)) for name, value in found.values.items()),
            F.when(~F.col(UNPARSABLE), _array(root, first)).alias("array"),
            unsound.alias("is unsound"),
            _any(found.unknown).alias("has unknown keys"),
        )
        split = split.select(
            *("partition", "offset", "timestamp", UNPARSABLE, *map(_of_message, found.values)),
            *("is unsound", "has unknown keys"),
            F.posexplode(_items(root, contract)).alias("item", "reading"),
        )
        split = split.withColumn(UNPARSABLE, F.col(UNPARSABLE) | F.col("reading.is_given_up"))
        inner = _Found({name: F.col(_of_message(name)) for name in found.values})
        inner.look_into(_elements(root), F.col("reading.chain"))
        doubts = [F.col("is unsound"), F.col("has unknown keys"), F.col("reading.chain").isNull(), inner.is_doubtful]
        found.values = inner.values
    names = contract.column_names
    values = {name: F.when(~F.col(UNPARSABLE), found.values[name]) for name in names}
    if plain:
        values = {
            name: F.when(F.col(_PLAIN), plain.value(F.col(_APART), name)).otherwise(values[name]) for name in names
        }
    located = split.select(
        *(value.alias(name) for name, value in values.items()),
        F.col("partition").cast("string").alias("source_partition"),
        F.col("offset").cast("string").alias("source_offset"),
        (F.col("item").cast("string") if contract.explode else F.lit("0")).alias("source_item"),
        F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSS").alias("source_time"),
        (F.col("reading.message").cast("binary") if contract.explode else F.col("value")).alias(_BYTES),
        UNPARSABLE,
        _any(doubts).alias(_DOUBTFUL),
    )
    meant = {_meant(column): _as_meant(column, contract.event_time) for column in contract.columns}
    located = located.withColumns({name: value for name, value in meant.items() if value is not None})
    columns = _with_usable_patterns(messages.sparkSession, contract.columns)
    wrong = _any(_suspect(column, contract) for column in columns)
    is_there = F.col(UNPARSABLE) | F.col(_BYTES).isNotNull()
    raw = F.when(is_there & (F.col(_DOUBTFUL) | F.coalesce(wrong, F.lit(True))), _raw_text()).alias("raw")
    return located.select(*names, "source_partition", "source_offset", "source_item", "source_time", raw, UNPARSABLE)


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
        return _any([*self.repeated, *self.unknown, *self.absent])

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


def _meant(column: Column) -> str:
    """Name of a column's value as what it is meant to be."""
    return f"{column.name} is meant"


def _as_meant(column: Column, event_time: EventTime) -> SparkColumn | None:
    """A value as a number or a moment, NULL where it is none; None for a column of another kind."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    if column.type in ("integer", "double"):
        return value.try_cast("double" if column.type == "double" else "bigint")
    if column.type == "timestamp" and event_time.formats == (ISO8601,):
        return value.try_cast("timestamp")
    if column.type == "timestamp" and len(event_time.formats) == 1 and event_time.formats[0] in EPOCH_UNITS:
        return (value.try_cast("double") * EPOCH_UNITS[event_time.formats[0]]).cast("timestamp")
    return None


def _suspect(column: Column, contract: Contract) -> SparkColumn:
    """Whether a value looks wrong at a glance, or NULL where it may; a hint for keeping the message's text, no verdict."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    doubts: list[SparkColumn] = []
    if column.type in ("integer", "double"):
        number = F.col(_meant(column))
        limit = 1e300 if column.type == "double" else 2 ** (column.bits - 1) - 1
        low = column.minimum if column.minimum is not None else -limit
        high = column.maximum if column.maximum is not None else limit
        doubts.append(~number.between(low, high))
    elif column.type == "timestamp":
        doubts += _suspect_time(column, contract.event_time)
    elif column.type == "boolean":
        doubts.append(~value.isin("true", "false"))
    else:
        # A nested object or array arrives as its JSON text, and could pass for a text.
        doubts.append(value.startswith("{") | value.startswith("[") | value.contains("\0"))
        if column.name in contract.identifying and not column.trim:
            doubts.append(value.endswith(" "))
        if column.max_length is not None:
            doubts.append(F.length(value) > column.max_length)
        if column.min_length is not None:
            doubts.append(F.length(value) < column.min_length)
        if column.pattern is not None:
            short = F.length(value) <= java_patterns.LENGTH
            doubts.append(~F.when(short, value.rlike(_anchored(column.pattern))).otherwise(False))
    return _any(doubts) if column.required else value.isNotNull() & _any(doubts)


def _with_usable_patterns(spark: SparkSession, columns: Iterable[Column]) -> list[Column]:
    """The columns, without patterns that Java does not understand or that could stop a job."""

    def usable(pattern: str) -> bool:
        if not java_patterns.is_cheap(pattern):
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


def _suspect_time(column: Column, event_time: EventTime) -> list[SparkColumn]:
    from pyspark.sql import functions as F

    value, moment = F.col(column.name), F.col(_meant(column))
    if _as_meant(column, event_time) is None:
        # Patterns of other kinds are the loader's; it sees every value.
        return [F.length(value) < 4]
    doubts = [moment.isNull()]
    if event_time.formats == (ISO8601,):
        doubts.append(~value.rlike(r"^\d{4}-\d\d-\d\d[T ]"))
    if column.name == event_time.column:
        # Spark would write a moment into the code that it generates, and this one is new with every job: the code would be
        # compiled anew, and start slow, every time. It does not do so with an interval.
        latest = time.time() + event_time.ahead_seconds
        to_epoch = F.make_interval(secs=F.lit(Decimal(f"{latest:.6f}")))
        doubts.append(moment < F.lit(event_time.earliest.astimezone(UTC)))
        doubts.append(moment - to_epoch > F.lit(datetime(1970, 1, 1, tzinfo=UTC)))
    return doubts


def _any(conditions: Iterable[SparkColumn]) -> SparkColumn:
    from pyspark.sql import functions as F

    result = F.lit(False)
    for condition in conditions:
        result = result | condition
    return result
