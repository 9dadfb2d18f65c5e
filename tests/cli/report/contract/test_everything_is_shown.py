"""Whatever a contract can say, `feeds show` says, as tables and as JSON: nothing that is read is hidden from people."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from etl.cli.report.contract.plain import described
from etl.cli.report.contract.tables import columns_table, facts_table
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.kinds import FORMATS
from etl.contract.model import Column, Contract, EventTime, Fleet, NumberFormat, Windows
from etl.contract.rules.alerts import AlertRules
from etl.contract.rules.anomalies import AnomalyRules
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.kinds import KINDS
from etl.contract.sources.landing_folder import LandingFolder

PLAIN = Contract(
    feed="plain",
    source=KafkaTopic("plain"),
    table="plain",
    columns=(
        Column("device", "text", required=True),
        Column("at", "timestamp", required=True),
        Column("value", "double"),
        Column("count", "integer"),
        Column("seen", "timestamp"),
    ),
    primary_key=("device", "at"),
    event_time=EventTime("at"),
    sensor=("device",),
    windows=Windows((("5m", 300),), ("device",), ("value",)),
    anomalies=AnomalyRules(("value",), resolution=0.5, stuck_seconds=600, gap_seconds=60),
    fleet=Fleet(10, 60),
    unknown_keys="evolve",
)
FOLDER = replace(PLAIN, source=LandingFolder("landing/plain"))


def with_column(name: str, /, **changes: Any) -> Contract:
    return replace(PLAIN, columns=tuple(replace(c, **changes) if c.name == name else c for c in PLAIN.columns))


def with_dialect(**changes: Any) -> Contract:
    source = LandingFolder("landing/plain", CsvLines(CsvDialect(**changes)))
    return replace(PLAIN, source=source)


def with_part(part: str, **changes: Any) -> Contract:
    return replace(PLAIN, **{part: replace(getattr(PLAIN, part), **changes)})


COLUMN: dict[str, Contract] = {
    "name": with_column("value", name="other"),
    "type": with_column("value", type="boolean"),
    "required": with_column("value", required=True),
    "minimum": with_column("value", minimum=1),
    "maximum": with_column("value", maximum=1),
    "bits": with_column("count", bits=16),
    "min_length": with_column("device", min_length=3),
    "max_length": with_column("device", max_length=3),
    "pattern": with_column("device", pattern="a|b"),
    "trim": with_column("device", trim=True),
    "unit": with_column("value", unit="°C"),
    "description": with_column("value", description="how warm it is"),
    "path": with_column("value", path=("data", "value")),
    "missing": with_column("value", missing=("NA", "-200")),
    "number": with_column("value", number=NumberFormat(",", ".", "°C")),
    "formats": with_column("seen", formats=("%d.%m.%Y", "epoch_nanoseconds")),
    "timezone": with_column("seen", timezone="Europe/Berlin"),
    "combine": with_column("seen", combine=("device", "value")),
    "constant": with_column("device", constant="attic"),
    "origin": with_column("value", origin="header:site"),
}
EVENT_TIME = {
    "column": with_part("event_time", column="seen"),
    "timezone": with_part("event_time", timezone="Europe/Berlin"),
    "earliest": with_part("event_time", earliest=datetime(2020, 2, 2, tzinfo=UTC)),
    "ahead_seconds": with_part("event_time", ahead_seconds=90.0),
    "formats": with_part("event_time", formats=("epoch_seconds",)),
}
WINDOWS = {
    "sizes": with_part("windows", sizes=(("1h", 3600),)),
    "key": with_part("windows", key=("device", "count")),
    "measures": with_part("windows", measures=("value", "count")),
}
ANOMALIES = {
    "measures": with_part("anomalies", measures=("value", "count")),
    "threshold": with_part("anomalies", threshold=7.0),
    "trailing": with_part("anomalies", trailing=77),
    "minimum": with_part("anomalies", minimum=7),
    "block_seconds": with_part("anomalies", block_seconds=7.0),
    "resolution": with_part("anomalies", resolution=0.7),
    "stuck_seconds": with_part("anomalies", stuck_seconds=7.0),
    "stuck_readings": with_part("anomalies", stuck_readings=7),
    "gap_seconds": with_part("anomalies", gap_seconds=7.0),
}
ALERTS = {
    "quiet_seconds": with_part("alerts", quiet_seconds=7.0),
    "backlog": with_part("alerts", backlog=7),
    "min_score": with_part("alerts", min_score=7.0),
    "rejected_share": with_part("alerts", rejected_share=0.7),
    "min_rejected": with_part("alerts", min_rejected=7),
    "silent_intervals": with_part("alerts", silent_intervals=7.0),
    "cycle_every_seconds": with_part("alerts", cycle_every_seconds=7.0),
}
FLEET = {"sensors": with_part("fleet", sensors=7), "interval_seconds": with_part("fleet", interval_seconds=7.0)}
NUMBER = {
    "decimal": with_column("value", number=NumberFormat(",")),
    "thousands": with_column("value", number=NumberFormat(".", "'")),
    "suffix": with_column("value", number=NumberFormat(".", "", "kWh")),
}
DIALECT = {
    "delimiter": with_dialect(delimiter=";"),
    "quote": with_dialect(quote="'"),
    "encoding": with_dialect(encoding="cp1252"),
    "header": with_dialect(header=False),
    "decimal": with_dialect(decimal=","),
    "thousands": with_dialect(thousands="'"),
    "comment": with_dialect(comment="#"),
    "skip_rows": with_dialect(skip_rows=7),
    "skip_after_header": with_dialect(skip_after_header=7),
    "trim": with_dialect(trim=True),
    "trailing_delimiter": with_dialect(trailing_delimiter=True),
}
SOURCES = {
    "topic": replace(PLAIN, source=KafkaTopic("other")),
    "path": replace(PLAIN, source=LandingFolder("landing/other")),
    "stable_seconds": replace(PLAIN, source=LandingFolder("landing/plain", stable_seconds=7.5)),
    "format": replace(PLAIN, source=LandingFolder("landing/plain", JsonObjects())),
}
CONTRACT = {
    "source": FOLDER,
    "table": replace(PLAIN, table="other"),
    "columns": with_column("value", name="other"),
    "primary_key": replace(PLAIN, primary_key=("device",)),
    "event_time": EVENT_TIME["column"],
    "sensor": replace(PLAIN, sensor=("count",)),
    "envelope": replace(PLAIN, envelope=("payload", "after")),
    "explode": replace(PLAIN, explode=(("$",),)),
    "windows": replace(PLAIN, windows=None),
    "lateness_seconds": replace(PLAIN, lateness_seconds=7.0),
    "unknown_keys": replace(PLAIN, unknown_keys="discard"),
    "max_new_columns": replace(PLAIN, max_new_columns=7),
    "anomalies": replace(PLAIN, anomalies=None),
    "fleet": replace(PLAIN, fleet=None),
    "freshness_seconds": replace(PLAIN, freshness_seconds=7.0),
    "on_conflict": replace(PLAIN, on_conflict="keepLast"),
    "failure_budget": replace(PLAIN, failure_budget=0.5),
    "alerts": ALERTS["backlog"],
}
# Printed above the tables (feeds show), and known by the other columns of `feeds list`.
ELSEWHERE = {"feed", "description", "version", "file"}
ALL: list[tuple[type, dict[str, Contract], set[str]]] = [
    (Column, COLUMN, {"added"}),  # no contract's file says that
    (EventTime, EVENT_TIME, set()),
    (Windows, WINDOWS, set()),
    (AnomalyRules, ANOMALIES, set()),
    (AlertRules, ALERTS, set()),
    (Fleet, FLEET, set()),
    (NumberFormat, NUMBER, set()),
    (CsvDialect, DIALECT, set()),
    (Contract, CONTRACT, ELSEWHERE),
]
_CASES = [(kind.__name__, name, changed) for kind, cases, _ in ALL for name, changed in cases.items()]
_CASES += [("source", name, changed) for name, changed in SOURCES.items()]


def printed(contract: Contract) -> str:
    console = Console(file=io.StringIO(), width=2_000)
    console.print(columns_table(contract), facts_table(contract))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("kind", "cases", "left_out"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_every_property_of_the_model_is_tried_here(kind: type, cases: dict[str, Contract], left_out: set[str]) -> None:
    assert {field.name for field in fields(kind)} == {*cases, *left_out}


def test_every_property_of_a_source_is_tried_here() -> None:
    assert {field.name for kind in (KafkaTopic, LandingFolder) for field in fields(kind)} == {*SOURCES}
    assert {*KINDS.values()} == {KafkaTopic, LandingFolder}


@pytest.mark.parametrize(("kind", "name", "changed"), _CASES, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("show", [printed, described], ids=["tables", "JSON"])
def test_a_property_that_differs_is_seen(
    show: Callable[[Contract], Any], kind: str, name: str, changed: Contract
) -> None:
    base = FOLDER if isinstance(changed.source, LandingFolder) and name != "source" else PLAIN
    assert show(changed) != show(base), f"{kind}.{name}"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_format_is_named(name: str) -> None:
    kinds = [kind for kind in KINDS.values() if FORMATS[name] in kind.formats]
    assert kinds
    for kind in kinds:
        contract = replace(PLAIN, source=kind("plain", FORMATS[name]()))  # type: ignore[call-arg]
        assert FORMATS[name].label in printed(contract)
        assert f'"format": "{name}"' in json.dumps(described(contract), default=str)


def test_what_comes_from_beside_the_message_is_said_in_words() -> None:
    for origin, words in {
        "key": "Kafka key",
        "header:site": "Kafka header site",
        "topic": "Kafka topic",
        "broker_time": "Kafka time",
    }.items():
        assert words in printed(with_column("value", origin=origin))
    assert "device + value" in printed(with_column("seen", combine=("device", "value")))


def test_what_means_no_value_everywhere_is_said_once() -> None:
    contract = replace(PLAIN, columns=tuple(replace(column, missing=("NA", "?")) for column in PLAIN.columns))
    assert printed(contract).count("NA") == 1
    assert "no value" in printed(contract)
    assert described(contract)["columns"][0]["missing"] == ["NA", "?"]


def test_hundreds_of_columns_are_shown_on_one_page() -> None:
    alike = [Column(f"m{number:04}", "double", unit="V") for number in range(1_500)]
    wide = replace(
        PLAIN,
        columns=(*PLAIN.columns, *alike),
        windows=replace(PLAIN.windows, measures=tuple(column.name for column in alike)),  # type: ignore[type-var]
    )
    text = printed(wide)
    assert len(text.splitlines()) < 40
    assert max(map(len, text.splitlines())) < 500
    assert "m0000 … m1499 (1,500 columns)" in text
    assert "m1499 (1,500 in all)" in text
    assert len(described(wide)["columns"]) == len(wide.columns)


def test_hundreds_of_columns_that_differ_are_cut_and_counted() -> None:
    different = [Column(f"m{number:04}", "double", description=f"probe {number}") for number in range(1_500)]
    text = printed(replace(PLAIN, columns=(*PLAIN.columns, *different)))
    assert len(text.splitlines()) < 200
    assert "… and 1,385 more columns; `--json` has all 1,505" in text


def test_a_long_sample_is_cut_in_the_terminal_alone(tmp_path: Path) -> None:
    from etl.cli.report.contract.page import sample, shown_line

    wide = replace(PLAIN, columns=(*PLAIN.columns, *(Column(f"m{number:04}", "double") for number in range(1_500))))
    (line,) = sample(wide)
    assert len(json.loads(line)) == 1_505
    assert len(shown_line(line)) < 2_100
    assert shown_line(line).endswith(f"({len(line):,} characters)")
