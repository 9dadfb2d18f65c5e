"""A feed of a user's own, with a landing folder, whose contract is edited between loads."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from etl.cli import feeds
from etl.cli.init import init_tables
from etl.contract.reader import Contract, load_contract, load_contracts
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from tests.support.stack import Project
from tests.support.windows import expected_of, rounded

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
Document = dict[str, Any]
READING: dict[str, str | None] = {
    "device": "d",
    "time": "2024-05-01 00:00:00",
    "site": "s",
    "level": "1",
    "pulses": "1",
    "rssi": "1",
}
"""A reading of DOCUMENT's feed."""


def column(name: str, kind: str, *, key: int = 0, required: bool = False, **options: Any) -> Document:
    """A property of a contract's schema."""
    found: Document = {"name": name, "logicalType": kind}
    if key:
        found |= {"primaryKey": True, "primaryKeyPosition": key}
    if required:
        found["required"] = True
    return {**found, "logicalTypeOptions": options} if options else found


DOCUMENT: Document = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "tanks",
    "name": "tanks",
    "version": "1.0.0",
    "status": "active",
    "servers": [
        {
            "server": "landing",
            "type": "local",
            "path": "landing/tanks",
            "format": "csv",
            "customProperties": [{"property": "stableSeconds", "value": 0.001}],
        }
    ],
    "schema": [
        {
            "name": "tanks",
            "physicalName": "tanks",
            "properties": [
                column("device", "string", key=1, maxLength=20),
                column("time", "timestamp", key=2),
                column("site", "string", maxLength=20),
                column("level", "number"),
                column("pulses", "integer", format="i16"),
                column("rssi", "integer", required=True, format="i32"),
                column("note", "string", maxLength=10),
            ],
        }
    ],
    "customProperties": [
        {"property": "eventTime", "value": {"column": "time"}},
        {"property": "windows", "value": {"sizes": ["5m", "1h"], "measures": ["level", "pulses"]}},
    ],
}


class Tanks:
    """The feed of a project, whose contract is a document that tests edit.

    :param first: number of its first file and reading.
    """

    def __init__(self, project: Project, document: Document = DOCUMENT, *, first: int = 0) -> None:
        self.project = project
        self.document = copy.deepcopy(document)
        self.feed: str = document["name"]
        self.folder = project.home / document["servers"][0]["path"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.defaults: dict[str, object] = {}
        """What every reading has from now on."""
        self._files = itertools.count(first)
        self._moments = itertools.count(first)
        self.save()

    @property
    def file(self) -> Path:
        return Path(self.project.settings.home, "..", "feeds", f"{self.feed}.odcs.yaml").resolve()

    @property
    def contract(self) -> Contract:
        return load_contract(self.feed, self.project.settings)

    @property
    def table(self) -> str:
        return str(self.document["schema"][0]["physicalName"])

    @property
    def columns(self) -> dict[str, Document]:
        """The properties of the schema, by name; to be changed in place."""
        return {item["name"]: item for item in self.document["schema"][0]["properties"]}

    def save(self) -> None:
        self.file.write_text(yaml.safe_dump(self.document, sort_keys=False), "utf-8")

    def add(self, item: Document) -> None:
        self.document["schema"][0]["properties"].append(item)

    def remove(self, name: str) -> None:
        self.document["schema"][0]["properties"].remove(self.columns[name])

    def options(self, name: str, **options: Any) -> None:
        """Change a column's options; None takes one away."""
        changed = {**self.columns[name].get("logicalTypeOptions", {}), **options}
        self.columns[name]["logicalTypeOptions"] = {key: value for key, value in changed.items() if value is not None}

    def custom(self, name: str, value: object) -> None:
        """Set a custom property; None takes it away."""
        others = [item for item in self.document["customProperties"] if item["property"] != name]
        new = [] if value is None else [{"property": name, "value": value}]
        self.document["customProperties"] = [*others, *new]

    def property(self, name: str, default: Any) -> Any:
        """The value of a custom property."""
        return next((item["value"] for item in self.document["customProperties"] if item["property"] == name), default)

    def drop(self, *rows: Mapping[str, object]) -> Path:
        """Put a file into the landing folder; what a row lacks is empty, device and time are made up."""
        return self.write([{**self.reading(), **self.defaults, **row} for row in rows])

    def write(self, whole: Sequence[Mapping[str, object]]) -> Path:
        """Put a file of whole rows into the landing folder."""
        names = list(dict.fromkeys(name for row in whole for name in row))
        lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in whole), ""]
        file = Path(self.folder, f"{next(self._files):04d}.csv")
        file.write_text("\n".join(lines), "utf-8")
        return file

    def reading(self) -> dict[str, object]:
        """A reading that is like no other."""
        number = next(self._moments)
        time = BEGIN + timedelta(seconds=97 * number)
        return {
            "device": f"d{number % 3}",
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "site": f"s{number % 2}",
            "level": 0.5 * number,
            "pulses": number,
            "rssi": -number,
            "note": "n",
        }

    def cycle(self) -> Loaded:
        contract = self.contract
        consume(self.project.settings, contract)
        merge(self.project.settings, contract)
        return load(self.project.settings, contract)

    def load(self, *rows: Mapping[str, object]) -> Loaded:
        """Load rows of which each is a reading, changed."""
        self.save()
        self.drop(*(rows or ({},)))
        return self.cycle()

    def init(self) -> None:
        """As `python -m etl init` does it."""
        init_tables(self.project.settings, load_contracts(self.project.settings))

    def check(self) -> str:
        """What `python -m etl feeds check` says of the contract."""
        self.save()
        done = CliRunner(env=self.project.env).invoke(feeds.app, ["check", str(self.file)], catch_exceptions=False)
        assert done.exit_code in (0, 2)
        return " ".join(done.output.split())

    def run(self, *statements: str) -> None:
        """Change something in the database as somebody else would."""
        for statement in statements:
            self.project.sql(statement)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return self.project.sql(query)

    def types(self) -> dict[str, str]:
        """The columns of the table: their type, and whether they may be empty."""
        query = (
            "SELECT attname, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' required' ELSE '' END"
            f" FROM pg_attribute WHERE attrelid = '{self.table}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        return dict(self.sql(query))

    def require_windows(self) -> None:
        """Each table of windows is what Python makes of the readings, and there is none besides."""
        contract = self.contract
        windows = contract.windows
        sizes = dict(windows.sizes) if windows else {}
        there = "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_name ~ "
        found = {name for (name,) in self.sql(f"{there} '^{self.table}_[0-9.]+[smhd]$'")}
        assert found == {f"{self.table}_{size}" for size in sizes}
        for size, seconds in sizes.items():
            assert windows is not None
            names = [*windows.key, contract.event_time.column, *windows.measures]
            readings = self.sql(f"SELECT {_listed(names)} FROM {_listed([self.table])}")
            shown = [*windows.key, "measure", "window_start", "count", "min", "max", "avg", "stddev"]
            made = self.sql(f"SELECT {_listed(shown)} FROM {_listed([f'{self.table}_{size}'])}")
            assert rounded(made) == expected_of(readings, len(windows.key), windows.measures, seconds)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
