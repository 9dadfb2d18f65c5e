"""Reads one contract file into the model. A key or value that is not understood is an error that names its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import (
    OpenDataContractStandard,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)
from pydantic import ValidationError

from etl.contract.durations import contract_seconds
from etl.contract.model import Column, Contract
from etl.contract.problems import combine, read_parts
from etl.contract.properties.alert_properties import read_alerts
from etl.contract.properties.column_properties import read_columns
from etl.contract.properties.feed_properties import KNOWN, FeedProperties
from etl.contract.properties.message_paths import complete_columns, read_envelope, read_explode
from etl.contract.sources.kinds import KINDS
from etl.contract.sources.source import FeedSource
from etl.contract.yaml_lines import YamlLines
from etl.errors import ContractError

SUFFIX = ".odcs.yaml"

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")

_RESERVED_PREFIXES = ("etl_", "pg_", "alembic_version")
"""How names of audit tables, and of the databases' internal tables, begin."""

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
                "columns": lambda: read_columns(table.properties or [], self.fail),
                "table": lambda: self._table_name(table.physicalName or table.name or ""),
                "envelope": lambda: read_envelope(given),
                "explode": lambda: read_explode(given),
                "lateness_seconds": given.lateness,
                "unknown_keys": given.unknown_keys,
                "max_new_columns": given.max_new_columns,
                "fleet": given.fleet,
                "freshness_seconds": lambda: self._freshness(model.slaProperties or []),
                "failure_budget": given.failure_budget,
                "on_conflict": given.on_conflict,
                "alerts": lambda: read_alerts(given),
            }
        )
        parts["columns"] = complete_columns(
            given, parts["columns"], parts["source"], parts["envelope"], parts["explode"]
        )
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
        if not IDENTIFIER.fullmatch(name):
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
