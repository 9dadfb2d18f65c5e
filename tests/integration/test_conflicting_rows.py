"""Rows with the key of an earlier row and other values: nothing that differs is dropped unseen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from etl.cli.report import endings
from etl.contract.model import ITEMS, OnConflict
from etl.contract.reader import Contract
from etl.database import make_engine, transaction
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import ConfigurationError
from etl.jobs.load.job import load
from etl.operations.cycle import Cycle
from etl.operations.outcome import read_outcome
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, find
from etl.operations.undo import undo
from tests.support.readings import load_archives, load_readings, reading, require_windows_from_scratch
from tests.support.stack import Project

TIME = "02:30:00"


def held(project: Project) -> Sequence[tuple[Any, ...]]:
    return project.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY sensor_id")


def test_a_conflicting_row_is_kept_with_the_values_that_differ_and_loads_once_its_key_is_right(
    project: Project,
) -> None:
    load_readings(project, [reading(1, TIME, 20.0)])
    sent = [reading(1, TIME, 21.5), reading(1, TIME, 20.0), reading(1, TIME, 20.0, humidity=41.25), reading(2, TIME)]
    second = load_readings(project, sent)
    assert (second.counts.read, second.counts.processed) == (4, 1)
    assert (second.counts.duplicate, second.counts.conflicting, second.counts.rejected) == (1, 2, 0)
    assert held(project) == [(1, 20.0), (2, 20.0)]
    rows = find(project.settings, Selection(reason="conflicting"))[::-1]
    assert [[(p["column"], p["value"]) for p in row["problems"]] for row in rows] == [
        [("temperature", "21.5")],
        [("humidity", "41.25")],
    ]
    assert rows[0]["raw"] == '{"sensor_id":1,"temperature":21.5,"humidity":40.0,"timestamp":"2025-06-15 02:30:00"}'
    project.require_exact(5)

    still = replay(project.settings, project.contract, Selection(reason="conflicting"))
    assert (still.counts.processed, still.counts.conflicting, len(still.still_bad)) == (0, 2, 2)
    later = {"timestamp": "2025-06-15 03:30:00"}
    done = replay(project.settings, project.contract, Selection(ids=(rows[0]["rejected_id"],)), changes=later)
    assert done.counts.processed == 1
    assert held(project) == [(1, 20.0), (1, 21.5), (2, 20.0)]
    require_windows_from_scratch(project)
    project.require_exact(5)


def test_the_first_row_stays_and_the_others_are_only_counted_where_the_contract_says_so(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepFirst")
    loaded = load_readings(project, [reading(1, TIME, 20.0), reading(1, TIME, 21.0)])
    assert (loaded.counts.processed, loaded.counts.conflicting) == (1, 1)
    assert held(project) == [(1, 20.0)]
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0


def test_the_last_row_takes_the_place_of_the_others_and_an_undo_puts_them_back(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    first = load_readings(project, [reading(1, TIME, 20.0), reading(2, TIME, 5.0), reading(2, TIME, 6.0)])
    assert (first.counts.processed, first.counts.conflicting) == (2, 1)
    assert held(project) == [(1, 20.0), (2, 6.0)]
    second = load_readings(project, [reading(1, TIME, n) for n in (21.0, 22.0, 22.0)] + [reading(3, TIME)])
    assert (second.counts.processed, second.counts.conflicting, second.counts.duplicate) == (1, 3, 0)
    assert held(project) == [(1, 22.0), (2, 6.0), (3, 20.0)]
    require_windows_from_scratch(project)
    kept = project.sql("SELECT raw, status FROM etl_rejected_row ORDER BY rejected_id")
    assert [(status, '"temperature":20.0' in raw) for raw, status in kept] == [("REPLACED", False), ("REPLACED", True)]

    undo(project.settings, project.contract, second.cycle_id)
    assert held(project) == [(1, 20.0), (2, 6.0)]
    require_windows_from_scratch(project)
    again = load_readings(project, [reading(4, TIME)])
    assert (again.counts.processed, again.counts.conflicting) == (2 + 0, 3)
    assert held(project) == [(1, 22.0), (2, 6.0), (3, 20.0), (4, 20.0)]
    require_windows_from_scratch(project)


def test_a_row_of_one_archive_is_replaced_by_the_next_archive_of_the_same_load(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    archives = [[reading(1, TIME, 20.0), reading(2, TIME)], [reading(1, TIME, 21.0)], [reading(1, TIME, 22.0)]]
    loaded = load_archives(project, archives)
    assert (loaded.counts.processed, loaded.counts.conflicting) == (2, 2)
    assert held(project) == [(1, 22.0), (2, 20.0)]
    require_windows_from_scratch(project)


def test_rows_that_were_replaced_one_after_the_other_come_back_in_whatever_order_is_undone(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    first, second, third, fourth = (load_readings(project, [reading(1, TIME, n)]) for n in (20.0, 21.0, 22.0, 23.0))
    undo(project.settings, project.contract, second.cycle_id)
    assert held(project) == [(1, 23.0)]
    undo(project.settings, project.contract, fourth.cycle_id)
    assert held(project) == [(1, 22.0)]
    undo(project.settings, project.contract, third.cycle_id)
    assert held(project) == [(1, 20.0)]
    require_windows_from_scratch(project)
    undo(project.settings, project.contract, first.cycle_id)
    assert held(project) == []
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0


def test_a_row_that_was_loaded_again_and_replaced_again_comes_back(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    _, second, _ = (load_readings(project, [reading(1, TIME, n)]) for n in (20.0, 21.0, 22.0))
    undo(project.settings, project.contract, second.cycle_id)
    load(project.settings, project.contract)
    assert held(project) == [(1, 21.0)]
    last = load_readings(project, [reading(1, TIME, 23.0)])
    undo(project.settings, project.contract, last.cycle_id)
    assert held(project) == [(1, 21.0)]
    require_windows_from_scratch(project)


def test_a_replay_is_undone_also_where_one_reading_of_its_message_was_replaced(project: Project) -> None:
    def exploded(array: str) -> Contract:
        columns = (replace(column, path=(array, ITEMS, column.name)) for column in project.contract.columns)
        return replace(project.contract, columns=tuple(columns), explode=((array,),), on_conflict="keepLast")

    wrong, right = exploded("items"), exploded("readings")
    sent = {"readings": [reading(1, TIME), reading(2, TIME)]}
    project.contract = wrong
    load_readings(project, [{**dict.fromkeys(reading(1, TIME)), "raw": json.dumps(sent)}])
    project.contract = right
    first = replay(project.settings, right, Selection())
    assert (first.counts.processed, first.cycle_id is None) == (2, False)
    load_readings(project, [reading(1, TIME, 21.0), reading(2, TIME, 21.0)])
    undo(project.settings, right, first.cycle_id or "")
    assert project.sql("SELECT reason, source_item, status FROM etl_rejected_row") == [("no_items", 0, "QUARANTINED")]
    assert held(project) == [(1, 21.0), (2, 21.0)]
    assert replay(project.settings, right, Selection()).counts.processed == 2
    assert held(project) == [(1, 20.0), (2, 20.0)]
    require_windows_from_scratch(project)


def test_an_undo_is_refused_where_it_would_lose_a_row_that_was_replaced(project: Project) -> None:
    def up_to(maximum: float) -> Contract:
        columns = (replace(c, maximum=maximum) if c.name == "temperature" else c for c in project.contract.columns)
        return replace(project.contract, columns=tuple(columns))

    project.contract = replace(project.contract, on_conflict="keepLast")
    then, now = up_to(200), up_to(100)
    project.contract = then
    load_readings(project, [reading(1, TIME, 150.0), reading(2, TIME, 5.0)])
    second = load_readings(project, [reading(1, TIME, 20.0), reading(2, TIME, 6.0), reading(3, TIME, 7.0)])
    tables = [f"SELECT * FROM {name} ORDER BY 1, 2" for name in ("sensor_data", "etl_rejected_row", "etl_log")]
    before = [project.sql(query) for query in tables]
    with pytest.raises(ConfigurationError, match=r": 1, which feed .* rejects .* out_of_range in temperature") as told:
        undo(project.settings, now, second.cycle_id)
    assert "with the contract as it was" in told.value.remedy
    assert [project.sql(query) for query in tables] == before
    project.sql("ALTER TABLE sensor_data ADD CONSTRAINT warm CHECK (temperature < 100)")
    with pytest.raises(ConfigurationError, match=r": 1, which .* SQLSTATE 23"):
        undo(project.settings, then, second.cycle_id)
    assert [project.sql(query) for query in tables] == before
    project.sql("ALTER TABLE sensor_data DROP CONSTRAINT warm")
    undo(project.settings, then, second.cycle_id)
    assert held(project) == [(1, 150.0), (2, 5.0)]
    require_windows_from_scratch(project)


def test_a_load_of_corrections_alone_is_not_said_to_have_lost_them_or_to_have_added_nothing(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    load_readings(project, [reading(1, TIME, 20.0), reading(2, TIME, 5.0)])
    second = load_readings(project, [reading(1, TIME, 21.0), reading(2, TIME, 6.0)])
    assert (second.counts.processed, second.counts.conflicting) == (0, 2)
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        log = select(etl_log).where(etl_log.c.cycle_id == second.cycle_id)
        outcome = read_outcome(connection, project.contract, map(dict, connection.execute(log).mappings()))
    engine.dispose()
    assert (outcome.read, outcome.quarantined, outcome.reasons) == (2, 0, ())
    assert not outcome.is_all_lost
    cycle = Cycle(project.contract.feed, second.cycle_id, (), outcome=outcome)
    (said,) = (line.plain for line in endings.lines(cycle))
    assert said.startswith("2 rows conflicting: ")
    assert endings.result(cycle).plain == "done, but 2 rows conflicting"


def test_a_row_that_a_replay_loaded_and_that_was_replaced_is_restored_by_replaying_it_again(project: Project) -> None:
    project.contract = replace(project.contract, on_conflict="keepLast")
    load_readings(project, [reading(1, TIME, 999.0), reading(2, TIME)])
    corrected = replay(project.settings, project.contract, Selection(), changes={"temperature": "20.0"})
    assert corrected.cycle_id is not None
    later = load_readings(project, [reading(1, TIME, 21.0)])
    assert project.sql("SELECT status FROM etl_rejected_row") == [("REPLAYED",)]
    undo(project.settings, project.contract, later.cycle_id)
    assert held(project) == [(2, 20.0)]
    undo(project.settings, project.contract, corrected.cycle_id)
    assert (
        replay(project.settings, project.contract, Selection(), changes={"temperature": "20.0"}).counts.processed == 1
    )
    assert held(project) == [(1, 20.0), (2, 20.0)]
    require_windows_from_scratch(project)


@pytest.mark.parametrize("policy", ["quarantine", "keepLast"])
def test_two_times_of_one_hour_are_two_readings_of_which_none_is_lost(project: Project, policy: OnConflict) -> None:
    """Clocks set back: 02:30 twice in Berlin, without an offset in the text."""
    local = replace(project.contract.event_time, timezone="Europe/Berlin")
    project.contract = replace(project.contract, on_conflict=policy, event_time=local)
    twice = [{**reading(1, TIME, degrees), "timestamp": "2025-10-26 02:30:00"} for degrees in (11.0, 10.5)]
    loaded = load_readings(project, twice)
    assert (loaded.counts.processed, loaded.counts.conflicting, loaded.counts.duplicate) == (1, 1, 0)
    texts = [raw for (raw,) in project.sql("SELECT raw FROM etl_rejected_row")]
    assert len(texts) == 1
    if policy == "quarantine":
        changes = {"timestamp": "2025-10-26 02:30:00+01:00"}
        assert replay(project.settings, project.contract, Selection(), changes=changes).counts.processed == 1
        assert project.sql('SELECT temperature FROM sensor_data ORDER BY "timestamp"') == [(11.0,), (10.5,)]
