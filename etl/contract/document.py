"""One contract file, read into the model: whatever is not understood is an error with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaProperty,
    Server,
    ServiceLevelAgreementProperty,
)
from pydantic import ValidationError

from etl.contract import properties as custom
from etl.contract.durations import contract_seconds
from etl.contract.model import RESERVED, SYSTEM_COLUMNS, Column, ColumnType, Contract, Landing, column_name
from etl.contract.patterns import broken_pattern
from etl.contract.problems import as_one, each, together
from etl.contract.yaml_lines import Marks
from etl.errors import ContractError

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")

_NO_TABLE = ("etl_", "pg_", "alembic_version")
"""So begin the names of other tables and views: the audit tables, and those of databases."""

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

_TYPES: dict[str, ColumnType] = {
    "string": "text",
    "integer": "integer",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
}

_OPTIONS: dict[ColumnType, set[str]] = {
    "text": {"maxLength", "minLength", "pattern"},
    "integer": {"minimum", "maximum", "format"},
    "double": {"minimum", "maximum", "format"},
    "boolean": set(),
    "timestamp": {"timezone", "defaultTimezone"},
}

_INTEGER_BITS = {"i16": 16, "i32": 32, "i64": 64}

_RENAME = "say under customProperties `rename` where its values are, as in `column: key`."

_STANDARD = "See the Open Data Contract Standard v3.1."


def _place(keys: Iterable[str | int]) -> str:
    """A path in a document as people write it: `schema[0].properties[2].name`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def _unknown(document: object, known: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all keys that stand in the document and not in what was understood of it."""
    if isinstance(document, dict) and isinstance(known, dict):
        for key, value in document.items():
            if key in known:
                yield from _unknown(value, known[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(document, list) and isinstance(known, list):
        for index, (value, understood) in enumerate(zip(document, known, strict=False)):
            yield from _unknown(value, understood, (*path, index))


class ContractReader:
    """Turns one parsed document into a `Contract`; knows the file, so that errors can name it."""

    def __init__(self, path: Path, marks: Marks) -> None:
        self.path = path
        self.marks = marks

    def fail(self, place: str, problem: str, remedy: str) -> ContractError:
        line = self.marks.line(place)
        return ContractError(f"{self.path.name}: line {line}: {place}: {problem}", remedy=remedy)

    def contract(self, document: object) -> Contract:
        model = self._standard(document)
        feed = self._feed(model)
        if len(model.schema_ or []) != 1:
            raise self.fail("schema", f"has {len(model.schema_ or [])} objects", "A feed fills exactly one table.")
        table = (model.schema_ or [])[0]
        properties = table.properties or []
        given = custom.Properties(
            "customProperties", self._custom("customProperties", model.customProperties, custom.KNOWN), self.fail
        )
        first = together(
            {
                "source": lambda: self._source(model),
                "columns": lambda: self._columns(properties),
                "table": lambda: self._table(table.physicalName or table.name or ""),
                "explode": given.explode,
                "lateness_seconds": given.lateness,
                "unknown_keys": given.unknown_keys,
                "max_new_columns": given.max_new_columns,
                "fleet": given.fleet,
                "freshness_seconds": lambda: self._freshness(model.slaProperties or []),
                "failure_budget": given.failure_budget,
                "on_conflict": given.on_conflict,
            }
        )
        topic, landing = first.pop("source")
        columns = given.with_paths(first.pop("columns"), first["explode"], is_csv=landing is not None)
        primary_key = self._primary_key(properties)
        event_time = given.event_time(columns)
        sensor = given.sensor(columns, primary_key, event_time)
        windows, anomalies = lambda: given.windows(columns, sensor), lambda: given.anomalies(columns, sensor)
        second = together({"windows": windows, "anomalies": anomalies})
        return Contract(
            feed=feed,
            topic=topic,
            columns=columns,
            primary_key=primary_key,
            event_time=event_time,
            landing=landing,
            sensor=sensor,
            description=(model.description.purpose or "").strip() if model.description else "",
            version=model.version or "",
            file=self.path,
            **first,
            **second,
        )

    def _feed(self, model: OpenDataContractStandard) -> str:
        feed = self.path.name.removesuffix(SUFFIX)
        if model.name != feed:
            raise self.fail("name", f"is {model.name!r}", f"The feed is named like its file: {feed!r}.")
        self._identifier("name", feed)
        return feed

    def _standard(self, document: object) -> OpenDataContractStandard:
        """The document as the standard's model; a key that the standard does not have would be dropped by it silently."""
        if not isinstance(document, dict):
            raise self.fail("the document", "is no mapping", _STANDARD)
        try:
            model = OpenDataContractStandard.model_validate(document)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            raise as_one([self.fail(_place(one["loc"]), one["msg"], _STANDARD) for one in found]) from None
        unknown = list(_unknown(document, model.model_dump(by_alias=True, exclude_unset=True)))
        if unknown:
            raise as_one([self.fail(_place(keys), "is not known to the standard", _STANDARD) for keys in unknown])
        return model

    def _identifier(self, place: str, name: str) -> str:
        if not _IDENTIFIER.fullmatch(name):
            raise self.fail(
                place, f"{name!r} cannot name a feed or a table", "Use small letters, digits and _ (at most 48)."
            )
        return name

    def _table(self, name: str) -> str:
        place = "schema[0].physicalName"
        if name.startswith(_NO_TABLE):
            raise self.fail(
                place,
                f"{name!r} cannot name a feed's table",
                f"Use a name that does not begin with {' or '.join(_NO_TABLE)}.",
            )
        return self._identifier(place, name)

    def _source(self, model: OpenDataContractStandard) -> tuple[str, Landing | None]:
        """The topic, or the landing folder."""
        servers = model.servers or []
        if len(servers) != 1 or servers[0].type not in ("kafka", "local"):
            raise self.fail(
                "servers",
                "must be one server of type kafka or local",
                "Name the topic, or the folder, under servers[0].",
            )
        place, server = "servers[0].customProperties", servers[0]
        if server.type == "local":
            values = self._custom(place, server.customProperties, {"csv", "stableSeconds"})
            return "", self._landing(custom.Properties(place, values, self.fail), server)
        topic = str(self._custom(place, server.customProperties, {"topic"}).get("topic", ""))
        if not _TOPIC.fullmatch(topic):
            raise self.fail(f"{place}.topic", f"{topic!r} cannot name a topic", "Letters, digits, . _ - (1-249).")
        return topic, None

    def _landing(self, given: custom.Properties, server: Server) -> Landing:
        if server.format != "csv":
            raise self.fail("servers[0].format", f"{server.format!r} is not supported", "Use csv.")
        if not server.path or ".." in Path(server.path).parts:
            raise self.fail("servers[0].path", f"{server.path!r}", "Name a folder, relative to ETL_HOME.")
        return given.landing(server.path)

    def _custom(self, place: str, properties: Iterable[CustomProperty] | None, known: set[str]) -> dict[str, Any]:
        found = {item.property or "": item.value for item in properties or ()}
        if unknown := set(found) - known:
            raise self.fail(place, f"{sorted(unknown)[0]!r} is not known", f"Known: {', '.join(sorted(known))}.")
        return found

    def _column(self, index: int, item: SchemaProperty) -> Column:
        place = f"schema[0].properties[{index}]"
        name = self._column_name(place, item.name or "")
        if item.logicalType not in _TYPES:
            raise self.fail(
                f"{place}.logicalType", f"{item.logicalType!r} is not supported", f"Use one of {', '.join(_TYPES)}."
            )
        column_type = _TYPES[item.logicalType]
        options = item.logicalTypeOptions or {}
        if unknown := set(options) - _OPTIONS[column_type]:
            raise self.fail(
                f"{place}.logicalTypeOptions",
                f"{sorted(unknown)[0]!r} is not supported for {item.logicalType}",
                f"Use {', '.join(sorted(_OPTIONS[column_type])) or 'none'}.",
            )
        if item.quality or item.properties:
            raise self.fail(place, "quality and properties are not supported on a column", "Remove them.")
        own = self._custom(f"{place}.customProperties", item.customProperties, {"unit", "trim"})
        return Column(
            name=name,
            type=column_type,
            required=bool(item.required or item.primaryKey),
            minimum=options.get("minimum"),
            maximum=options.get("maximum"),
            bits=self._bits(place, column_type, options),
            min_length=options.get("minLength"),
            max_length=options.get("maxLength"),
            pattern=self._pattern(place, options.get("pattern")),
            trim=self._trim(f"{place}.customProperties.trim", column_type, own.get("trim", False)),
            unit=str(own.get("unit", "")),
            description=item.description or "",
        )

    def _column_name(self, place: str, name: str) -> str:
        if not _COLUMN.fullmatch(name):
            raise self.fail(
                f"{place}.name",
                f"{name!r} cannot name a column",
                f"Use letters, digits and _, at most 60; {_RENAME}",
            )
        if name.lower() in RESERVED:
            whose = "PostgreSQL" if name.lower() in SYSTEM_COLUMNS else "the loader"
            raise self.fail(
                f"{place}.name",
                f"{name!r} cannot name a column: {whose} has one of this name",
                f"Use another name, such as {column_name(name, RESERVED)}; {_RENAME}",
            )
        return name

    def _bits(self, place: str, column_type: ColumnType, options: Mapping[str, Any]) -> int:
        width = options.get("format", "i64" if column_type == "integer" else "f64")
        if column_type == "integer" and width not in _INTEGER_BITS:
            raise self.fail(f"{place}.logicalTypeOptions.format", f"{width!r}", f"Use {', '.join(_INTEGER_BITS)}.")
        if column_type != "integer" and width != "f64":
            raise self.fail(f"{place}.logicalTypeOptions.format", f"{width!r}", "Use f64.")
        return _INTEGER_BITS.get(width, 64)

    def _trim(self, place: str, column_type: ColumnType, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.fail(place, f"{value!r}", "Use true or false.")
        if value and column_type != "text":
            raise self.fail(place, "it is for texts only", "Remove it.")
        return value

    def _pattern(self, place: str, pattern: str | None) -> str | None:
        if pattern is not None and (problem := broken_pattern(pattern)):
            remedy = "Use what Python, RE2 and Java understand alike: no look-around, back-references or named groups."
            raise self.fail(f"{place}.logicalTypeOptions.pattern", problem, remedy)
        return pattern

    def _columns(self, properties: list[SchemaProperty]) -> tuple[Column, ...]:
        columns = tuple(each([partial(self._column, index, item) for index, item in enumerate(properties)]))
        seen: set[str] = set()
        for index, column in enumerate(columns):
            # Two names that differ in case alone are one column for SQL Server and for most people.
            if column.name.lower() in seen:
                raise self.fail(
                    f"schema[0].properties[{index}].name",
                    f"{column.name!r} stands twice; names that differ in case only are one",
                    f"Give one of them another name, such as {column_name(column.name, seen)}; {_RENAME}",
                )
            seen.add(column.name.lower())
        return columns

    def _primary_key(self, properties: list[SchemaProperty]) -> tuple[str, ...]:
        keys = [item for item in properties if item.primaryKey]
        return tuple(item.name or "" for item in sorted(keys, key=lambda item: item.primaryKeyPosition or 0))

    def _freshness(self, properties: Iterable[ServiceLevelAgreementProperty]) -> float | None:
        found = None
        for index, item in enumerate(properties):
            place = f"slaProperties[{index}]"
            if item.property != "latency":
                raise self.fail(f"{place}.property", f"{item.property!r} is not known", "Known: latency.")
            found = contract_seconds(f"{place}.value", f"{item.value}{item.unit or 's'}", self.fail)
        return found


SUFFIX = ".odcs.yaml"
