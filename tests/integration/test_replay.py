"""A replay reads what was kept as the first time, and a dry run says exactly what the real one then does."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.csv_records import split_line
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.landing_folder import LandingFolder
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, find
from tests.support.batches import write_batch
from tests.support.stack import Project

METERS = Contract(
    feed="meters",
    source=LandingFolder("landing/meters", CsvLines(CsvDialect(delimiter=";", encoding="cp1252")), stable_seconds=0.05),
    table="meters",
    columns=(
        Column("device", "text", required=True, max_length=20),
        Column("at", "timestamp", required=True, path=("time stamp",)),
        Column("temperature", "double", required=True, minimum=-20.0, maximum=50.0, path=("temp; C",)),
        Column("light", "boolean"),
        Column("note", "text", max_length=12),
    ),
    primary_key=("device", "at"),
    event_time=EventTime("at", formats=("%d.%m.%Y %H:%M",)),
    sensor=("device",),
)
HEADER = 'device;time stamp;"temp; C";light;note'
STRICT = replace(
    METERS, columns=tuple(replace(c, maximum=20.0) if c.name == "temperature" else c for c in METERS.columns)
)


def deliver(project: Project, *lines: str, then: Contract = METERS, contract: Contract = METERS) -> Loaded:
    """A file of these lines, read by one contract and loaded by another."""
    folder = project.home / "landing" / "meters"
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join([HEADER, *lines, ""])
    (folder / f"{secrets.token_hex(8)}.csv").write_bytes(text.encode("cp1252", "replace"))
    consume(project.settings, then)
    merge(project.settings, then)
    return load(project.settings, contract)


def held(project: Project, table: str = "meters") -> Any:
    return project.value(f"SELECT count(*) FROM {table}")


LINE = 'a;01.05.2024 00:00;40,5;true;"ten; ""€"""'.replace(",", ".")


def test_a_line_that_was_made_from_columns_is_that_of_the_file(project: Project) -> None:
    deliver(project, LINE, contract=STRICT)
    (row,) = find(project.settings, Selection())
    assert (row["reason"], row["raw_rebuilt"]) == ("out_of_range", True)
    assert bytes.fromhex(row["raw"][2:]).decode("cp1252") == LINE
    assert replay(project.settings, STRICT, Selection(), dry_run=True).counts.rejected == 1
    assert replay(project.settings, METERS, Selection()).counts.processed == 1
    assert project.sql("SELECT temperature, light, note FROM meters") == [(40.5, True, 'ten; "€"')]


def test_a_file_that_was_read_before_a_column_got_another_name_loads(project: Project) -> None:
    columns = tuple(replace(c, name="celsius") if c.name == "temperature" else c for c in METERS.columns)
    deliver(project, LINE, then=METERS, contract=replace(METERS, columns=columns))
    assert project.sql("SELECT device, celsius, note FROM meters") == [("a", 40.5, 'ten; "€"')]


def test_a_row_that_the_database_refused_keeps_the_line_of_its_file(project: Project) -> None:
    deliver(project, "b;01.05.2024 00:00;1;;")
    project.sql("ALTER TABLE meters ADD CONSTRAINT warm CHECK (temperature < 30)")
    deliver(project, LINE, "c;01.05.2024 00:01;2.50;;")
    (row,) = find(project.settings, Selection())
    assert row["reason"] == "database_refused"
    assert bytes.fromhex(row["raw"][2:]).decode("cp1252") == LINE
    told = replay(project.settings, METERS, Selection(), dry_run=True)
    assert (told.counts.processed, told.still_bad[0]["reason"]) == (0, "database_refused")
    project.sql("ALTER TABLE meters DROP CONSTRAINT warm")
    assert replay(project.settings, METERS, Selection()).counts.processed == 1


def test_a_reading_of_a_nested_message_is_made_from_columns_in_its_place(project: Project) -> None:
    devices = project.feed("device_events")
    values = {
        "event_id": "e1",
        "event_offset": "7",
        "customer_id": "c1",
        "device_id": "d1",
        "temperature": "95.50",
        "status": "SUCCESS",
        "event_time": "2025-06-15 09:12:01",
    }
    columns = tuple(replace(c, maximum=90.0) if c.name == "temperature" else c for c in devices.columns)
    strict = replace(devices, columns=columns)
    write_batch(project.settings, devices, devices.source.name, secrets.token_hex(8), [values])
    merge(project.settings, devices)
    load(project.settings, strict)
    (row,) = find(project.settings, Selection())
    assert row["raw_rebuilt"]
    message = json.loads(row["raw"])
    assert (message["eventId"], message["data"]["devices"][0]["deviceId"]) == ("e1", "d1")
    assert '"temperature":95.50' in row["raw"]
    wide = replace(devices, columns=tuple(replace(c, maximum=100.0) if c.name == "temperature" else c for c in columns))
    assert replay(project.settings, wide, Selection()).counts.processed == 1
    assert held(project, devices.table) == 1


def test_an_object_of_column_names_that_an_earlier_version_kept_for_a_line_is_replayed(project: Project) -> None:
    deliver(project, LINE, contract=STRICT)
    texts = {"device": "a", "at": "01.05.2024 00:00", "temperature": "40.5", "light": None, "note": "x"}
    project.sql(f"UPDATE etl_rejected_row SET raw = '{json.dumps(texts)}'")
    assert replay(project.settings, METERS, Selection()).counts.processed == 1


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c"])
def test_a_line_with_an_unusual_blank_is_rejected_for_its_value_and_loads_with_another(
    project: Project, mark: str
) -> None:
    deliver(project, f"a;01.05.2024 00:00;n/a;;vt{mark}bad")
    (row,) = find(project.settings, Selection())
    assert row["reason"] == "wrong_type"
    assert replay(project.settings, METERS, Selection(), changes={"temperature": "21"}).counts.processed == 1
    assert project.value("SELECT note FROM meters") == f"vt{mark}bad"


FIELDS = st.tuples(
    st.sampled_from(["a", "b", "", "a device whose name is long"]),
    st.sampled_from(["01.05.2024 00:00", "01.05.2024 00:01", "30.02.2024 00:00", ""]),
    st.sampled_from(["1.50", "2", "99", "x", "", "NaN"]),
    st.sampled_from(["", "true", "on"]),
    st.sampled_from(["", '""', '"a ""b"""', "é", "longer than twelve", 'a"b']),
).map(";".join)
LINES = st.lists(FIELDS | st.sampled_from(["a;b", ' "x;y";1;2;3;4', '"']), min_size=1, max_size=6)
CHANGES = st.dictionaries(
    st.sampled_from(METERS.column_names), st.sampled_from(["21", "true", "c", "02.05.2024 00:00", "40"]), max_size=3
)


def _unbounded(column: Column) -> Column:
    """As far as it may be: SQL Server takes no key with a text of any length."""
    return replace(column, max_length=40 if column.name in METERS.primary_key else None, maximum=None)


EDITS = st.sampled_from(
    [
        METERS,
        STRICT,
        replace(METERS, on_conflict="keepLast"),
        replace(METERS, columns=tuple(replace(c, required=c.name in METERS.primary_key) for c in METERS.columns)),
        replace(METERS, columns=tuple(_unbounded(c) for c in METERS.columns)),
        replace(METERS, columns=METERS.columns[:-1]),
    ]
)


@given(LINES, EDITS, CHANGES)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_dry_run_says_what_the_replay_then_does(
    project: Project, lines: list[str], edited: Contract, changes: dict[str, str]
) -> None:
    loaded = deliver(project, *lines)
    mine = Selection(cycle_id=loaded.cycle_id)
    for row in find(project.settings, mine):
        raw = row["raw"]
        text = bytes.fromhex(raw[2:]).decode("cp1252") if raw.startswith("\\x") else raw
        assert text in lines
        assert (row["reason"] == "not_csv") == (len(split_line(text, METERS.source.format.dialect) or ()) != 5)
    changes = {name: value for name, value in changes.items() if name in edited.column_names}
    before = everything(project)
    told = replay(project.settings, edited, mine, changes=changes, dry_run=True)
    assert everything(project) == before
    done = replay(project.settings, edited, mine, changes=changes)
    assert (told.counts, told.still_bad) == (done.counts, done.still_bad)
    done.counts.require_balance("replay")
    assert replay(project.settings, edited, mine, changes=changes).still_bad == done.still_bad


def everything(project: Project) -> list[Any]:
    """The feed's rows, the quarantine and the audit log."""
    orders = {"meters": "source_id, source_offset", "etl_rejected_row": "rejected_id", "etl_log": "log_id"}
    return [project.sql(f"SELECT * FROM {table} ORDER BY {order}") for table, order in orders.items()]
