"""A German file with units, marks, words for nothing, and a time in two columns: loaded, kept, replayed, and taken up."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.model import Column, Contract, EventTime, NumberFormat
from etl.contract.sources.landing_folder import LandingFolder
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, find
from etl.operations.undo import undo
from tests.support.stack import Project

DIALECT = CsvDialect(delimiter=";", encoding="cp1252", decimal=",", thousands=".")
NOTHING = ("k.A.", "-")
WEATHER = Contract(
    feed="weather",
    source=LandingFolder("landing/weather", CsvLines(DIALECT), stable_seconds=0.05),
    table="weather",
    columns=(
        Column("station", "text", required=True, max_length=20, missing=NOTHING),
        Column("day", "text", path=("Datum",), missing=NOTHING),
        Column("clock", "text", path=("Zeit",), missing=NOTHING),
        Column("at", "timestamp", required=True, combine=("day", "clock"), formats=("%d.%m.%Y %H:%M",),
               timezone="Europe/Berlin", missing=NOTHING),
        Column("temperature", "double", maximum=40.0, missing=(*NOTHING, "-99,9"),
               number=NumberFormat(",", ".", "°C")),
    ),
    primary_key=("station", "at"),
    event_time=EventTime("at"),
    sensor=("station",),
    unknown_keys="evolve",
)  # fmt: skip


def deliver(project: Project, header: str, *lines: str, contract: Contract = WEATHER) -> Loaded:
    folder = project.home / "landing" / "weather"
    folder.mkdir(parents=True, exist_ok=True)
    text = "\r\n".join([header, *lines, ""])
    (folder / f"{secrets.token_hex(8)}.csv").write_bytes(text.encode("cp1252"))
    consume(project.settings, contract)
    merge(project.settings, contract)
    return load(project.settings, contract)


HEADER = "station;Datum;Zeit;temperature"
JULY_NOON = datetime(2025, 7, 1, 10, 0, tzinfo=UTC)


def test_values_are_read_as_they_are_written_and_a_bad_one_loads_once_the_contract_allows_it(project: Project) -> None:
    loaded = deliver(
        project,
        HEADER,
        "a;01.07.2025;12:00;21,5 °C",
        "b;01.07.2025;12:00;-99,9",
        "c;01.07.2025;12:00;k.A.",
        "d;01.07.2025;-;20",
        "e;01.07.2025;12:00;45,5 °C",
        "f;01.07.2025;12:00;20.5",
    )
    assert (loaded.counts.processed, loaded.counts.rejected) == (3, 3)
    found = project.sql("SELECT station, at, temperature FROM weather ORDER BY station")
    assert found == [("a", JULY_NOON, 21.5), ("b", JULY_NOON, None), ("c", JULY_NOON, None)]
    rows = {row["reason"]: row for row in find(project.settings, Selection())}
    assert set(rows) == {"missing", "out_of_range", "wrong_type"}
    assert rows["missing"]["problems"] == [{"column": "at", "rule": "missing", "value": None}]

    wider = tuple(replace(c, maximum=50.0) if c.name == "temperature" else c for c in WEATHER.columns)
    contract = replace(WEATHER, columns=wider)
    assert replay(project.settings, contract, Selection(reason="out_of_range")).counts.processed == 1
    done = replay(project.settings, contract, Selection(reason="missing"), changes={"clock": "13:00"})
    assert done.counts.processed == 1
    later = project.sql("SELECT station, temperature FROM weather WHERE station > 'c' ORDER BY station")
    assert later == [("d", 20.0), ("e", 45.5)]


def test_a_new_column_has_the_numbers_of_the_file_and_its_words_for_nothing(project: Project) -> None:
    header = f"{HEADER};Druck;Anzahl;Bemerkung"
    place = "01.07.2025;12:00;20"
    first = deliver(project, header, f"a;{place};1.013,2;1.500;k.A.", f"b;{place};k.A.;2;1.5", f"c;{place};998;-;x")
    assert (first.counts.processed, first.counts.rejected) == (3, 0)
    found = project.sql('SELECT "Druck", "Anzahl", "Bemerkung" FROM weather ORDER BY station')
    assert found == [(1013.2, 1500, None), (None, 2, "1.5"), (998.0, None, "x")]
    second = deliver(project, header, f"d;{place};-;2,5;-", f"e;{place};1.5;3;-")
    assert (second.counts.processed, second.counts.rejected) == (1, 1)
    found = project.sql("""SELECT "Druck", "Anzahl" FROM weather WHERE station = 'd'""")
    assert found == [(None, 2.5)]


def test_a_row_that_was_replaced_comes_back_from_its_text(project: Project) -> None:
    contract = replace(WEATHER, on_conflict="keepLast")
    deliver(project, HEADER, "a;01.07.2025;12:00;21,5 °C", contract=contract)
    second = deliver(project, HEADER, "a;01.07.2025;12:00;22", contract=contract)
    assert project.sql("SELECT temperature FROM weather") == [(22.0,)]
    undo(project.settings, contract, second.cycle_id)
    assert project.sql("SELECT station, at, temperature FROM weather") == [("a", JULY_NOON, 21.5)]
