"""Reads one contract file into the model. A key or value that is not understood is an error that names its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import (
    OpenDataContractStandard,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)
from pydantic import ValidationError

from etl.contract.custom_properties import CustomProperties
from etl.contract.durations import contract_seconds
from etl.contract.model import RESERVED, SYSTEM_COLUMNS, Column, ColumnType, Contract, column_name
from etl.contract.patterns import broken_pattern
from etl.contract.problems import collect_errors, combine, read_parts
from etl.contract.properties import KNOWN, FeedProperties
from etl.contract.sources.kinds import KINDS
from etl.contract.sources.source import FeedSource
from etl.contract.yaml_lines import YamlLines
from etl.errors import ContractError

SUFFIX = ".odcs.yaml"

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")

_RESERVED_PREFIXES = ("etl_", "pg_", "alembic_version")
"""How names of audit tables, and of the databases' internal tables, begin."""

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

_RENAME = "give the key of its values under customProperties `rename`, as in `column: key`."

_STANDARD = "See the Open Data Contract Standard v3.1."


def _path_text(keys: Iterable[str | int]) -> str:
    """A path in a document as text: `schema[0].properties[2].name`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def _unknown_paths(
    document: object, model: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """The paths of all keys of the document that the standard's model of it lacks."""
    if isinstance(document, dict) and isinstance(model, dict):
        for key, value in document.items():
            if key in model:
                yield from _unknown_paths(value, model[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(document, list) and isinstance(model, list):
        for index, (value, modelled) in enumerate(zip(document, model, strict=False)):
            yield from _unknown_paths(value, modelled, (*path, index))


class ContractReader:
    """Reads one parsed document into a `Contract`; errors name the file, line and place."""

    def __init__(self, path: Path, yaml_lines: YamlLines) -> None:
        self.path = path
        self.yaml_lines = yaml_lines

    def fail(self, place: str, problem: str, remedy: str) -> ContractError:
        line = self.yaml_lines.line(place)
        return ContractError(f"{self.path.name}: line {line}: {place}: {problem}", remedy=remedy)

    def contract(self, document: object) -> Contract:
        """:raises ContractError: with every error of the parts that can be read independently."""
        model = self._standard(document)
        feed = self._feed(model)
        if len(model.schema_ or []) != 1:
            raise self.fail("schema", f"has {len(model.schema_ or [])} objects", "A feed fills exactly one table.")
        table = (model.schema_ or [])[0]
        given = FeedProperties.of("customProperties", model.customProperties, KNOWN, self.fail)
        parts = read_parts(
            {
                "source": lambda: self._source(model),
                "columns": lambda: self._columns(table.properties or []),
                "table": lambda: self._table_name(table.physicalName or table.name or ""),
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
        parts["columns"] = given.with_paths(parts["columns"], parts["explode"], is_tabular=parts["source"].is_tabular)
        parts["primary_key"] = _primary_key(table.properties or [])
        parts |= _parts_about_columns(given, parts["columns"], parts["primary_key"])
        purpose = model.description.purpose if model.description else None
        return Contract(
            feed=feed, description=(purpose or "").strip(), version=model.version or "", file=self.path, **parts
        )

    def _feed(self, model: OpenDataContractStandard) -> str:
        feed = self.path.name.removesuffix(SUFFIX)
        if model.name != feed:
            raise self.fail("name", f"is {model.name!r}", f"The feed is named like its file: {feed!r}.")
        self._identifier("name", feed)
        return feed

    def _standard(self, document: object) -> OpenDataContractStandard:
        """The document as the standard's model. The model silently drops unknown keys; here they are errors."""
        if not isinstance(document, dict):
            raise self.fail("the document", "is not a mapping", _STANDARD)
        try:
            model = OpenDataContractStandard.model_validate(document)
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)
            raise combine(
                [self.fail(_path_text(problem["loc"]), problem["msg"], _STANDARD) for problem in problems]
            ) from None
        unknown = list(_unknown_paths(document, model.model_dump(by_alias=True, exclude_unset=True)))
        if unknown:
            raise combine([self.fail(_path_text(keys), "is not known to the standard", _STANDARD) for keys in unknown])
        return model

    def _identifier(self, place: str, name: str) -> str:
        if not _IDENTIFIER.fullmatch(name):
            raise self.fail(
                place, f"{name!r} cannot name a feed or a table", "Use lower-case letters, digits and _ (at most 48)."
            )
        return name

    def _table_name(self, name: str) -> str:
        place = "schema[0].physicalName"
        if name.startswith(_RESERVED_PREFIXES):
            raise self.fail(
                place,
                f"{name!r} cannot name a feed's table",
                f"Use a name that does not begin with {' or '.join(_RESERVED_PREFIXES)}.",
            )
        return self._identifier(place, name)

    def _source(self, model: OpenDataContractStandard) -> FeedSource:
        servers = model.servers or []
        if len(servers) != 1 or servers[0].type not in KINDS:
            raise self.fail(
                "servers",
                f"must be one server of type {' or '.join(KINDS)}",
                "Name the topic, or the folder, under servers[0].",
            )
        return KINDS[servers[0].type].from_server(servers[0], self.fail)

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
        given = CustomProperties.of(f"{place}.customProperties", item.customProperties, {"unit", "trim"}, self.fail)
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
            trim=self._trim(f"{place}.customProperties.trim", column_type, given.values.get("trim", False)),
            unit=str(given.values.get("unit", "")),
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
            raise self.fail(place, "is for text columns only", "Remove it.")
        return value

    def _pattern(self, place: str, pattern: str | None) -> str | None:
        if pattern is not None and (problem := broken_pattern(pattern)):
            remedy = "Use what Python, RE2 and Java all understand: no look-around, back-references or named groups."
            raise self.fail(f"{place}.logicalTypeOptions.pattern", problem, remedy)
        return pattern

    def _columns(self, properties: list[SchemaProperty]) -> tuple[Column, ...]:
        columns = tuple(collect_errors([partial(self._column, index, item) for index, item in enumerate(properties)]))
        seen: set[str] = set()
        for index, column in enumerate(columns):
            # SQL Server, and most people, read two names that differ only in case as one column.
            if column.name.lower() in seen:
                raise self.fail(
                    f"schema[0].properties[{index}].name",
                    f"{column.name!r} is there twice; names that differ only in case count as one",
                    f"Give one of them another name, such as {column_name(column.name, seen)}; {_RENAME}",
                )
            seen.add(column.name.lower())
        return columns

    def _freshness(self, properties: Iterable[ServiceLevelAgreementProperty]) -> float | None:
        freshness = None
        for index, item in enumerate(properties):
            place = f"slaProperties[{index}]"
            if item.property != "latency":
                raise self.fail(f"{place}.property", f"{item.property!r} is not known", "Known: latency.")
            freshness = contract_seconds(f"{place}.value", f"{item.value}{item.unit or 's'}", self.fail)
        return freshness


def _primary_key(properties: Iterable[SchemaProperty]) -> tuple[str, ...]:
    keys = [item for item in properties if item.primaryKey]
    return tuple(item.name or "" for item in sorted(keys, key=lambda item: item.primaryKeyPosition or 0))


def _parts_about_columns(
    given: FeedProperties, columns: tuple[Column, ...], primary_key: tuple[str, ...]
) -> dict[str, Any]:
    """What custom properties say about columns: event time and sensor, then windows and anomaly rules, which build on them."""
    event_time = given.event_time(columns)
    sensor = given.sensor(columns, primary_key, event_time)
    rules = read_parts(
        {"windows": lambda: given.windows(columns, sensor), "anomalies": lambda: given.anomalies(columns, sensor)}
    )
    return {"event_time": event_time, "sensor": sensor, **rules}
