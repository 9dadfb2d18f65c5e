"""The columns of a contract: their names, types, rules, and how their values are written."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from etl.contract.durations import Fail
from etl.contract.model import (
    BROKER_TIME,
    ISO8601,
    RESERVED,
    SYSTEM_COLUMNS,
    Column,
    ColumnType,
    column_name,
)
from etl.contract.problems import collect_errors
from etl.contract.properties.column_options import read_options
from etl.contract.properties.custom_properties import CustomProperties
from etl.contract.properties.number_format import NUMBER_PROPERTIES, read_number_format
from etl.contract.properties.time_formats import read_formats, read_timezone

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_TYPES: dict[str, ColumnType] = {
    "string": "text",
    "integer": "integer",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
}
_ANY_TYPE = {"unit", "missingValues", "from"}
_PROPERTIES: dict[ColumnType, set[str]] = {
    "text": {*_ANY_TYPE, "trim", "constant"},
    "integer": {*_ANY_TYPE, *NUMBER_PROPERTIES},
    "double": {*_ANY_TYPE, *NUMBER_PROPERTIES},
    "boolean": _ANY_TYPE,
    "timestamp": {*_ANY_TYPE, "formats", "timezone", "combine"},
}
_ALL_PROPERTIES = set[str]().union(*_PROPERTIES.values())
_RENAME = "give the key of its values under customProperties `rename`, as in `column: key`."
_ORIGINS = ("key", "topic", BROKER_TIME)
_HEADER = "header:"


def read_columns(properties: list[SchemaProperty], fail: Fail) -> tuple[Column, ...]:
    """The columns, in the contract's order.

    :raises ContractError: with the errors of all columns.
    """
    columns = tuple(collect_errors([partial(_column, index, item, fail) for index, item in enumerate(properties)]))
    seen: set[str] = set()
    for index, column in enumerate(columns):
        # SQL Server, and most people, read two names that differ only in case as one column.
        if column.name.lower() in seen:
            raise fail(
                f"schema[0].properties[{index}].name",
                f"{column.name!r} is there twice; names that differ only in case count as one",
                f"Give one of them another name, such as {column_name(column.name, seen)}; {_RENAME}",
            )
        seen.add(column.name.lower())
    return columns


def _column(index: int, item: SchemaProperty, fail: Fail) -> Column:
    place = f"schema[0].properties[{index}]"
    name = _checked_name(place, item.name or "", fail)
    if item.logicalType not in _TYPES:
        raise fail(f"{place}.logicalType", f"{item.logicalType!r} is not supported", f"Use one of {', '.join(_TYPES)}.")
    column_type = _TYPES[item.logicalType]
    if item.quality or item.properties:
        raise fail(place, "quality and properties are not supported on a column", "Remove them.")
    given = CustomProperties.of(f"{place}.customProperties", item.customProperties, _ALL_PROPERTIES, fail)
    if foreign := sorted(set(given.values) - _PROPERTIES[column_type]):
        allowed = ", ".join(sorted(_PROPERTIES[column_type]))
        raise fail(
            f"{given.place}.{foreign[0]}",
            f"is not for columns of type {item.logicalType}",
            f"Remove it, or use {allowed}.",
        )
    return Column(
        name=name,
        type=column_type,
        required=bool(item.required or item.primaryKey),
        trim=_trim(f"{given.place}.trim", given.values.get("trim", False), fail),
        unit=str(given.values.get("unit", "")),
        description=item.description or "",
        missing=read_missing(f"{given.place}.missingValues", given.values.get("missingValues", []), fail),
        number=read_number_format(given),
        **read_options(f"{place}.logicalTypeOptions", item.logicalType, item.logicalTypeOptions or {}, fail),
        **_time(given),
        **_elsewhere(given),
    )


def _checked_name(place: str, name: str, fail: Fail) -> str:
    if not _COLUMN.fullmatch(name):
        raise fail(
            f"{place}.name", f"{name!r} cannot name a column", f"Use letters, digits and _, at most 60; {_RENAME}"
        )
    if name.lower() in RESERVED:
        whose = "PostgreSQL" if name.lower() in SYSTEM_COLUMNS else "the loader"
        raise fail(
            f"{place}.name",
            f"{name!r} cannot name a column: {whose} has one of this name",
            f"Use another name, such as {column_name(name, RESERVED)}; {_RENAME}",
        )
    return name


def _trim(place: str, value: object, fail: Fail) -> bool:
    if not isinstance(value, bool):
        raise fail(place, f"{value!r}", "Use true or false.")
    return value


def read_missing(place: str, texts: object, fail: Fail) -> tuple[str, ...]:
    """Texts that mean that there is no value.

    :raises ContractError: it is not a list, or has something that is neither a text nor a number.
    """
    if not isinstance(texts, list) or any(isinstance(text, list | dict | bool) or text is None for text in texts):
        raise fail(place, f"{texts!r}", 'Give a list of texts: [NA, "-200"].')
    return tuple(dict.fromkeys(map(str, texts)))


def _time(given: CustomProperties) -> dict[str, Any]:
    """Formats, time zone and combined columns of a timestamp."""
    found: dict[str, Any] = {}
    if given.values.get("from") == BROKER_TIME:
        # The other times of the feed may have any format; Kafka's is written by the consumer.
        found["formats"] = (ISO8601,)
    if "formats" in given.values:
        found["formats"] = read_formats(f"{given.place}.formats", given.values["formats"], given.fail)
    if "timezone" in given.values:
        found["timezone"] = read_timezone(f"{given.place}.timezone", given.values["timezone"], given.fail)
    if "combine" in given.values:
        names = given.values["combine"]
        if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
            raise given.fail(f"{given.place}.combine", f"{names!r}", "Name two or more columns: [date, time].")
        if "from" in given.values:
            raise given.fail(f"{given.place}.combine", "cannot be combined with `from`", "Remove one of the two.")
        found["combine"] = tuple(names)
    return found


def _elsewhere(given: CustomProperties) -> dict[str, Any]:
    """Where a text is that is not in the messages: beside them, or in the contract."""
    origin = _origin(f"{given.place}.from", given.values.get("from", ""), given.fail)
    return {"origin": origin, "constant": _constant(given)}


def _constant(given: CustomProperties) -> str:
    """The text that all readings have."""
    if "constant" not in given.values:
        return ""
    text = given.values["constant"]
    if not isinstance(text, str) or not text or text != text.strip():
        raise given.fail(f"{given.place}.constant", f"{text!r}", "Give a text, such as the name of the only sensor.")
    if "from" in given.values:
        raise given.fail(f"{given.place}.constant", "cannot be combined with `from`", "Remove one of the two.")
    return text


def _origin(place: str, value: object, fail: Fail) -> str:
    text = str(value)
    if text and text not in _ORIGINS and not (text.startswith(_HEADER) and text != _HEADER):
        raise fail(place, f"{value!r} is not known", f"Use {', '.join(_ORIGINS)} or {_HEADER}NAME.")
    return text
