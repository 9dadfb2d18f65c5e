"""A feed's data contract: where its readings come from, what they must look like, and into which table they go.

A contract is a file of the Open Data Contract Standard v3.1 (https://bitol-io.github.io/open-data-contract-standard/).
What the standard lacks stands in `customProperties`: `eventTime` of the contract, `topic` of a Kafka server.
Whatever this module does not understand is an error, because a rule that is silently ignored is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from open_data_contract_standard.model import CustomProperty, OpenDataContractStandard, SchemaProperty
from pydantic import ValidationError

from etl.errors import ContractError
from etl.settings import Settings

ColumnType = Literal["text", "integer", "double", "boolean", "timestamp"]

SUFFIX = ".odcs.yaml"
_PACKAGED = Path(__file__).parent / "feeds"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
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
# Names that the loader adds to every row; a contract may not use them for its own columns.
LINEAGE_COLUMNS = ("source_partition", "source_offset", "source_item", "source_time", "raw")
RESERVED = {*LINEAGE_COLUMNS, "source_id", "log_id", "lateness_seconds"}


@dataclass(frozen=True)
class Column:
    """One column: its type and the simple rules that every value must meet."""

    name: str
    type: ColumnType
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    bits: int = 64
    """Width of an integer; 16, 32 or 64."""
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    description: str = ""


@dataclass(frozen=True)
class EventTime:
    """Which column says when a reading was taken, and which times are believed."""

    column: str
    timezone: str = "UTC"
    """IANA name; holds for values that carry no offset of their own."""
    earliest: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    ahead_seconds: float = 3600.0
    """How far a sensor's clock may run ahead of ours."""


@dataclass(frozen=True)
class Contract:
    """A feed. `columns` are in the order of the contract, which is the order in files and tables."""

    feed: str
    topic: str
    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    event_time: EventTime
    failure_budget: float = 1.0
    """The share of an archive's rows, 0 to 1, that may be rejected before its load fails."""
    description: str = ""
    version: str = ""
    file: Path = field(default=Path(), compare=False)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The header of every part file and archive: the contract's columns, then where each row came from."""
        return (*self.column_names, *LINEAGE_COLUMNS)

    @property
    def message_key(self) -> str:
        """The column whose value keys a message, so that a sensor's readings stay in order in one partition."""
        return self.primary_key[0] if self.primary_key else self.columns[0].name


def contract_folders(settings: Settings) -> tuple[Path, ...]:
    """Where contracts are looked for; a user's folder comes first, so that it may replace a packaged feed."""
    return (*settings.feeds, _PACKAGED)


def contract_files(settings: Settings) -> dict[str, Path]:
    """Feed name → file, for every contract that can be found; nothing is parsed."""
    found: dict[str, Path] = {}
    for folder in contract_folders(settings):
        if not folder.is_dir():
            raise ContractError(
                f"The contract folder {folder} does not exist.", remedy="Mend ETL_FEEDS, or create the folder."
            )
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def load_contract(feed: str, settings: Settings) -> Contract:
    """The contract of one feed.

    :raises ContractError: there is no such feed, or its file cannot be used.
    """
    files = contract_files(settings)
    if feed not in files:
        raise ContractError(
            f"There is no feed {feed!r}.",
            remedy=f"Known feeds: {', '.join(sorted(files))}. Add {feed}{SUFFIX} to a folder of ETL_FEEDS for a new one.",
        )
    return read_contract(files[feed])


def load_contracts(settings: Settings) -> dict[str, Contract]:
    """Every feed that can be found, by name."""
    return {feed: read_contract(path) for feed, path in sorted(contract_files(settings).items())}


def read_contract(path: Path) -> Contract:
    """Read one contract file.

    :raises ContractError: naming the file, the place in it and what to do.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ContractError(f"{path.name} is not YAML: {error}", remedy="Mend the file.") from None
    return _Reader(path).contract(document)


_STANDARD = "See the Open Data Contract Standard v3.1."


def _place(keys: Iterable[str | int]) -> str:
    """A path in a document as people write it: `schema[0].properties[2].name`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def _first_unknown(document: object, known: object, path: tuple[str | int, ...] = ()) -> tuple[str | int, ...] | None:
    """The path of the first key that stands in the document and not in what was understood of it."""
    if isinstance(document, dict) and isinstance(known, dict):
        pairs: Iterable[tuple[str | int, object]] = document.items()
        if missing := [key for key in document if key not in known]:
            return (*path, missing[0])
    elif isinstance(document, list) and isinstance(known, list):
        pairs = enumerate(document)
    else:
        return None
    found = (_first_unknown(value, known[key], (*path, key)) for key, value in pairs)  # type: ignore[index]
    return next((place for place in found if place), None)


class _Reader:
    """Turns one parsed document into a `Contract`; knows the file, so that errors can name it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, place: str, problem: str, remedy: str) -> ContractError:
        return ContractError(f"{self.path.name}: {place}: {problem}", remedy=remedy)

    def contract(self, document: object) -> Contract:
        model = self._standard(document)
        feed = self.path.name.removesuffix(SUFFIX)
        if model.name != feed:
            raise self.fail("name", f"is {model.name!r}", f"The feed is named like its file: {feed!r}.")
        self._identifier("name", feed)
        if len(model.schema_ or []) != 1:
            raise self.fail("schema", f"has {len(model.schema_ or [])} objects", "A feed fills exactly one table.")
        table = (model.schema_ or [])[0]
        properties = table.properties or []
        columns = tuple(self._column(i, item) for i, item in enumerate(properties))
        self._unique(columns)
        custom = self._custom("customProperties", model.customProperties, {"eventTime", "failureBudget"})
        if "eventTime" not in custom:
            raise self.fail(
                "customProperties", "has no eventTime", "Name the column that says when a reading was taken."
            )
        return Contract(
            feed=feed,
            topic=self._topic(model),
            table=self._identifier("schema[0].physicalName", table.physicalName or table.name or ""),
            columns=columns,
            primary_key=self._primary_key(properties),
            event_time=self._event_time(custom["eventTime"], columns),
            failure_budget=self._budget(custom.get("failureBudget", 1.0)),
            description=(model.description.purpose or "") if model.description else "",
            version=model.version or "",
            file=self.path,
        )

    def _standard(self, document: object) -> OpenDataContractStandard:
        """The document as the standard's model; a key that the standard does not have would be dropped by it silently."""
        if not isinstance(document, dict):
            raise self.fail("the document", "is no mapping", _STANDARD)
        try:
            model = OpenDataContractStandard.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise self.fail(_place(first["loc"]), first["msg"], _STANDARD) from None
        if unknown := _first_unknown(document, model.model_dump(by_alias=True, exclude_unset=True)):
            raise self.fail(_place(unknown), "is not known to the standard", _STANDARD)
        return model

    def _identifier(self, place: str, name: str) -> str:
        if not _IDENTIFIER.fullmatch(name):
            raise self.fail(
                place, f"{name!r} cannot name a feed or a table", "Use small letters, digits and _ (at most 48)."
            )
        return name

    def _topic(self, model: OpenDataContractStandard) -> str:
        servers = model.servers or []
        if len(servers) != 1 or servers[0].type != "kafka":
            raise self.fail("servers", "must be one server of type kafka", "Name the topic under servers[0].")
        custom = self._custom("servers[0].customProperties", servers[0].customProperties, {"topic"})
        topic = str(custom.get("topic", ""))
        if not _TOPIC.fullmatch(topic):
            raise self.fail(
                "servers[0].customProperties.topic", f"{topic!r} cannot name a topic", "Letters, digits, . _ - (1-249)."
            )
        return topic

    def _custom(self, place: str, properties: Iterable[CustomProperty] | None, known: set[str]) -> dict[str, Any]:
        found = {item.property or "": item.value for item in properties or ()}
        if unknown := set(found) - known:
            raise self.fail(place, f"{sorted(unknown)[0]!r} is not known", f"Known: {', '.join(sorted(known))}.")
        return found

    def _column(self, index: int, item: SchemaProperty) -> Column:
        place = f"schema[0].properties[{index}]"
        name = item.name or ""
        if not _COLUMN.fullmatch(name) or name.lower() in RESERVED:
            raise self.fail(
                f"{place}.name", f"{name!r} cannot name a column", "Letters, digits, _ and no reserved name."
            )
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
            description=item.description or "",
        )

    def _bits(self, place: str, column_type: ColumnType, options: Mapping[str, Any]) -> int:
        width = options.get("format", "i64" if column_type == "integer" else "f64")
        if column_type == "integer" and width not in _INTEGER_BITS:
            raise self.fail(f"{place}.logicalTypeOptions.format", f"{width!r}", f"Use {', '.join(_INTEGER_BITS)}.")
        if column_type != "integer" and width != "f64":
            raise self.fail(f"{place}.logicalTypeOptions.format", f"{width!r}", "Use f64.")
        return _INTEGER_BITS.get(width, 64)

    def _pattern(self, place: str, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise self.fail(f"{place}.logicalTypeOptions.pattern", str(error), "Mend the pattern.") from None
        return pattern

    def _unique(self, columns: tuple[Column, ...]) -> None:
        seen: set[str] = set()
        for index, column in enumerate(columns):
            # Two names that differ in case alone are one column for SQL Server and for most people.
            if column.name.lower() in seen:
                raise self.fail(f"schema[0].properties[{index}].name", f"{column.name!r} stands twice", "Rename one.")
            seen.add(column.name.lower())

    def _primary_key(self, properties: list[SchemaProperty]) -> tuple[str, ...]:
        keys = [item for item in properties if item.primaryKey]
        return tuple(item.name or "" for item in sorted(keys, key=lambda item: item.primaryKeyPosition or 0))

    def _budget(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self.fail("customProperties.failureBudget", f"{value!r}", "Give a share from 0 to 1.")
        return float(value)

    def _event_time(self, value: object, columns: tuple[Column, ...]) -> EventTime:
        place = "customProperties.eventTime"
        known = {"column", "formats", "timezone", "earliest", "aheadSeconds"}
        if not isinstance(value, dict) or set(value) - known or "column" not in value:
            raise self.fail(place, "must be an object with a column", f"It may have {', '.join(sorted(known))}.")
        if value["column"] not in {column.name for column in columns if column.type == "timestamp"}:
            raise self.fail(f"{place}.column", f"{value['column']!r} is no timestamp column", "Name one.")
        if value.get("formats", ["iso8601"]) != ["iso8601"]:
            raise self.fail(f"{place}.formats", f"{value['formats']!r}", "Use [iso8601].")
        try:
            ZoneInfo(value.get("timezone", "UTC"))
            earliest = datetime.fromisoformat(str(value.get("earliest", "2000-01-01")))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise self.fail(place, str(error), "Use an IANA time zone and an ISO date.") from None
        return EventTime(
            column=value["column"],
            timezone=value.get("timezone", "UTC"),
            earliest=earliest if earliest.tzinfo else earliest.replace(tzinfo=UTC),
            ahead_seconds=float(value.get("aheadSeconds", 3600.0)),
        )
