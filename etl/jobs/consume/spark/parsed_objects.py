"""The objects of a message as Spark parses them: their values, unknown keys and repeated keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.jobs.consume.spark.suspect_values import any_of
from etl.validation.structure import Node, Path

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn

UNPARSABLE = "is unparsable"
"""The column that says whether a message could not be split; the space keeps it apart from every column of a contract."""


@dataclass
class ParsedObjects:
    """The values in the objects of a message, as Spark columns, and the reasons to keep the message's text."""

    values: dict[str, SparkColumn] = field(default_factory=dict)
    """Column of the contract → its value."""
    repeated: list[SparkColumn] = field(default_factory=list)
    """Per object, whether a key of the contract is in it twice."""
    unknown: list[SparkColumn] = field(default_factory=list)
    """Per object, whether it has keys that the contract does not name."""
    absent: list[SparkColumn] = field(default_factory=list)
    """Per array, whether the element is missing or not an object; and whether the envelope is."""

    def add_object(
        self,
        node: Node,
        text: SparkColumn,
        parsed: SparkColumn,
        envelope: Path = (),
        *,
        keys: SparkColumn | None = None,
    ) -> None:
        """Add an object and the objects inside it.

        :param text: the object's JSON text.
        :param parsed: the same as a struct.
        :param envelope: the path from this object to the envelope; empty where it is not inside.
        :param keys: the keys of the object, where they are known already.
        """
        from pyspark.sql import functions as F

        keys = F.json_object_keys(text) if keys is None else keys
        contract_keys = F.array(*(F.lit(key) for key in node.keys))
        # Most messages have exactly the contract's keys in its order, which is the cheapest to check.
        differs = keys != contract_keys
        named = F.filter(keys, lambda key: F.array_contains(contract_keys, key))
        repeats = F.size(named) != F.size(F.array_distinct(named))
        self.repeated.append(F.coalesce(differs & repeats, F.lit(False)))
        if not node.is_open:
            self.unknown.append(F.coalesce(differs & (F.size(F.array_except(keys, contract_keys)) > 0), F.lit(False)))
        self.values |= {column: parsed[key] for key, column in node.leaves}
        for key, inner in node.objects.items():
            struct = F.from_json(parsed[key], f"struct<{schema_of(inner)}>")
            self.add_object(inner, parsed[key], struct, envelope[1:] if envelope[:1] == (key,) else ())
            if envelope == (key,):
                self.absent.append(F.json_object_keys(parsed[key]).isNull())

    @property
    def is_suspect(self) -> SparkColumn:
        return any_of([*self.repeated, *self.unknown, *self.absent])

    def add_elements(self, elements: list[Node], chain: SparkColumn) -> None:
        """Add the array elements that contain a reading; `chain` holds their texts, outermost first."""
        from pyspark.sql import functions as F

        for depth, node in enumerate(elements):
            text = F.get(chain, F.lit(depth))
            self.values |= dict.fromkeys(node.whole, text)
            if node.whole:
                self.absent.append(text.isNull())
            else:
                self.absent.append(F.json_object_keys(text).isNull())
                self.add_object(node, text, F.from_json(text, f"struct<{schema_of(node)}>"))


def schema_of(node: Node, *more: str) -> str:
    """The fields of an object as a Spark schema: every value as text, the array of readings as an array of texts."""
    names = [f"{_quoted(key)}:string" for key in (*node.keys, *more) if key != node.array]
    return ",".join([*names, *([f"{_quoted(node.array)}:array<string>"] if node.array else [])])


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def elements_of(node: Node) -> list[Node]:
    """The elements of the nested arrays, from the outermost to the innermost."""
    if node.element is not None:
        return [node.element, *elements_of(node.element)]
    return [element for inner in node.objects.values() for element in elements_of(inner)]


def is_crowded(text: SparkColumn, most: int) -> SparkColumn:
    """Whether a message has too many values to be parsed in memory; never NULL."""
    from pyspark.sql import functions as F

    values = F.length(text) - F.length(F.replace(text, F.lit(",")))
    return F.coalesce((F.octet_length(text) > most) & (values > most), F.lit(False))
