"""How a cycle's end is reported."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from etl.cli.report import endings
from etl.cli.report.audit import audit_table, balance
from etl.cli.report.cycles import feeds_summary, scheduled_line
from etl.errors import PermanentError
from etl.operations.cycle import Cycle
from etl.operations.outcome import ROWS_COUNTED, Outcome
from etl.operations.quarantine.causes import Cause
from etl.settings import PROJECT_ROOT

CAUSE = Cause(
    reason="wrong_type",
    column="temperature",
    rows=17,
    is_estimate=False,
    examples=("n/a", "--", "21,5\x1b"),
    words="temperature is no number",
    line="contracts/rooms.odcs.yaml line 34, logicalType: number",
    replay="python -m etl quarantine replay --feed rooms --reason wrong_type",
)
REASONS = (("not_json", 5), ("missing", 4), ("bad_time", 2), ("pattern", 1))


def cycle(**outcome: Any) -> Cycle:
    return Cycle("rooms", "c1", (), outcome=Outcome(**outcome))


def told(**outcome: Any) -> list[str]:
    return [line.plain for line in endings.lines(cycle(**outcome))]


def test_nothing_is_said_where_all_is_loaded_or_was_known() -> None:
    assert told(loaded=5, duplicate=2, known_files=1) == []
    assert endings.result(cycle(loaded=5)).plain == "done"


def test_how_many_were_rejected_why_and_where_to_look() -> None:
    assert told(loaded=9, rejected=12, quarantined=12, reasons=REASONS) == [
        "12 rows rejected: 5 not_json, 4 missing, 2 bad_time, 1 for another reason."
        " Look at them: python -m etl quarantine list --cycle c1"
    ]
    assert endings.result(cycle(loaded=9, rejected=12)).plain == "done, but 12 rows rejected"


def test_the_contracts_line_that_rejected_most_rows_is_named_with_values_and_a_command() -> None:
    outcome = {"read": 500, "loaded": 482, "rejected": 18, "quarantined": 18, "causes": (CAUSE,)}
    _, cause = told(**outcome)
    assert cause == (
        "17 of 500 rows were rejected because temperature is no number (contracts/rooms.odcs.yaml line 34,"
        " logicalType: number): 'n/a', '--', '21,5\\x1b'."
        " When the contract is corrected: python -m etl quarantine replay --feed rooms --reason wrong_type"
    )
    # Logs hold no values of rows.
    logged = endings.in_line(cycle(**outcome))
    assert "line 34, logicalType: number). When" in logged
    assert "n/a" not in logged


@pytest.mark.parametrize(
    ("rows", "table"),
    [(0, "is empty"), (1, "has 1 row"), (5, "has 5 rows"), (ROWS_COUNTED + 1, "has more than 10,000 rows")],
)
def test_a_cycle_that_loaded_nothing_says_what_is_in_the_table(rows: int, table: str) -> None:
    lost = {"read": 2, "rejected": 2, "quarantined": 2}
    known = {"read": 2, "duplicate": 2}
    now = {"table": "readings", "rows_in_table": rows, "source": "Kafka topic rooms, JSON"}
    assert told(**now, **lost)[0] == f"Nothing was loaded: all 2 rows rejected. The table readings {table}."
    (duplicates,) = told(**now, **known)
    assert (
        duplicates == f"Nothing new was loaded: all that was read had been loaded before. The table readings {table}."
    )
    (nothing,) = told(**now)
    assert nothing.startswith(f"Nothing new arrived from Kafka topic rooms, JSON. The table readings {table}.")
    assert nothing.endswith("python -m etl run rooms --file FILE") is (rows == 0)
    assert endings.result(cycle(**now)).plain == f"nothing new; readings {table}"
    # A schedule's log has the balance already.
    assert endings.in_line(cycle(**now)) == ""


def test_a_file_that_was_loaded_before_is_not_said_to_be_missing() -> None:
    (said,) = told(known_files=2, table="readings", rows_in_table=5, source="CSV files in landing/rooms/")
    assert said.startswith(
        "Nothing new arrived from CSV files in landing/rooms/: the content of 2 files there was loaded before."
    )


def test_what_was_loaded_can_be_looked_at_by_the_commands_that_are_named() -> None:
    explain, plot = endings.look_closer(cycle(loaded=1), PROJECT_ROOT).splitlines()
    assert explain == "Next: python -m etl explain c1"
    assert plot.strip().startswith("python -m papermill notebooks/explore_readings.ipynb explored.ipynb -p feed rooms")
    assert endings.look_closer(cycle(loaded=0), PROJECT_ROOT) == ""


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"read": 10, "duplicate": 9, "rejected": 1, "quarantined": 1}, "1 row rejected"),
        ({"read": 3, "conflicting": 3}, "3 rows conflicting"),
        ({"known_files": 1, "set_aside": {"a.csv": "?"}}, "1 file set aside"),
    ],
)
def test_what_was_left_out_is_not_said_to_be_known(outcome: dict[str, Any], said: str) -> None:
    first = told(table="readings", rows_in_table=5, source="Kafka topic rooms, JSON", **outcome)[0]
    assert first.startswith(f"No row was added: {said}. ")


def test_conflicting_rows_are_reported_apart_and_looked_up_where_they_are_kept() -> None:
    (dropped,) = told(loaded=9, conflicting=1)
    assert dropped == "1 row conflicting: earlier ones have the same key and other values."
    (with_line,) = told(loaded=9, conflicting=1, conflicting_because="rooms.odcs.yaml line 9, primaryKey: true")
    assert "have the same key (rooms.odcs.yaml line 9, primaryKey: true) and other values." in with_line
    rejected, kept = told(
        loaded=9, rejected=2, conflicting=3, quarantined=5, reasons=(("conflicting", 3), ("missing", 2))
    )
    assert rejected.startswith("2 rows rejected: 2 missing. ")
    assert kept.endswith("Look at them: python -m etl quarantine list --cycle c1 --reason conflicting")


def test_files_that_were_set_aside_are_named_with_their_cause() -> None:
    aside = {f"{n}\x1b.csv": "The header lacks 'id'." for n in range(5)}
    (line,) = told(loaded=1, set_aside=aside)
    assert line.startswith(
        "5 files set aside: 0\\x1b.csv (The header lacks 'id'), 1\\x1b.csv (The header lacks 'id'), "
    )
    assert line.endswith(" and 2 more. Look at them: python -m etl quarantine list --files")


def test_ignored_files_are_counted_by_kind() -> None:
    names = ("backup.xlsx", "2026/a.csv", ".b.csv")
    assert told(ignored={"other_ending": 1, "in_subfolders": 1, "hidden": 1}, ignored_names=names) == [
        "3 files ignored: 1 with another ending (backup.xlsx), 1 in a subfolder, 1 hidden."
    ]
    assert told(ignored={"other_ending": 5}, ignored_names=("a.txt", "b.txt", "c.txt", "d.txt")) == [
        "5 files ignored: 5 with other endings (a.txt, b.txt, c.txt, …)."
    ]


@pytest.mark.parametrize(
    ("outcome", "short"),
    [
        ({"rejected": 12, "quarantined": 12}, "nothing loaded: all 12 rows rejected"),
        ({"rejected": 1, "quarantined": 1}, "nothing loaded: 1 row rejected"),
        ({"set_aside": {"a.csv": "?"}}, "nothing loaded: 1 file set aside"),
        ({"failing": {"a.csv": "?", "b.csv": "?"}}, "nothing loaded: all 2 files not processed yet"),
        (
            {"rejected": 2, "conflicting": 3, "quarantined": 5, "set_aside": {"a.csv": "?"}},
            "nothing loaded: all 2 rows rejected; all 3 rows conflicting; 1 file set aside",
        ),
    ],
)
def test_a_cycle_all_of_whose_rows_were_left_out_is_not_done(outcome: dict[str, Any], short: str) -> None:
    ended = cycle(**outcome)
    assert ended.outcome.is_all_lost
    assert endings.result(ended).plain == short
    assert endings.lines(ended)[0].plain == f"Nothing was loaded: {short.removeprefix('nothing loaded: ')}."


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"loaded": 1, "rejected": 12, "quarantined": 12},
        {"duplicate": 1, "rejected": 12, "quarantined": 12},
        {"known_files": 1, "set_aside": {"a.csv": "?"}},
        {"conflicting": 3},
        {"ignored": {"hidden": 1}},
    ],
    ids=str,
)
def test_a_cycle_that_loaded_or_knew_something_is_done(outcome: dict[str, Any]) -> None:
    assert not Outcome(**outcome).is_all_lost


def test_the_summary_of_several_feeds_and_the_line_of_a_schedule_tell_it_too() -> None:
    def rows(feed: str, processed: int, **more: int) -> tuple[dict[str, Any], ...]:
        counts = {"records_read": 12, "records_processed": processed, "records_rejected": 0, "records_duplicate": 0}
        return tuple(
            {"feed": feed, "job_name": job, "status": "SUCCESS", **counts, **more} for job in ("consume", "load")
        )

    lost = Outcome(rejected=12, quarantined=12, reasons=(("missing", 12),))
    cycles = [
        Cycle("good", "c1", rows("good", 12), outcome=Outcome(loaded=12)),
        Cycle("bad", "c2", rows("bad", 0, records_rejected=12), outcome=lost),
        Cycle("broken", "", (), PermanentError("it broke")),
    ]
    console = Console(file=StringIO(), width=120)
    console.print(feeds_summary(cycles, ["good", "bad", "broken", "later"]))
    summary = console.file.getvalue()  # type: ignore[attr-defined]
    results = [line.split(maxsplit=3)[-1].strip() for line in summary.splitlines()[2:]]
    assert results == ["done", "nothing loaded: all 12 rows rejected", "failed: it broke", "not begun"]

    line = scheduled_line(cycles[1])
    assert (
        "= 0 loaded + 12 rejected + 0 duplicate. Nothing was loaded: all 12 rows rejected. 12 rows rejected: " in line
    )
    assert scheduled_line(cycles[0]).endswith("= 12 loaded + 0 rejected + 0 duplicate.")


def test_the_line_of_a_schedule_names_open_incidents_also_where_the_cycle_failed() -> None:
    two = Outcome(open_incidents=2)
    failed = Cycle("broken", "c1", (), PermanentError("it broke"), outcome=two)
    assert scheduled_line(failed) == "broken c1: failed · 2 open incidents: python -m etl alerts list"
    assert scheduled_line(replace(failed, outcome=Outcome(open_incidents=0))) == "broken c1: failed"
    assert "1 open incident:" in scheduled_line(Cycle("rooms", "c1", (), outcome=Outcome(open_incidents=1)))


def test_conflicting_rows_are_in_the_balance_and_the_table_only_where_there_are_some() -> None:
    row = {
        "job_name": "load",
        "status": "SUCCESS",
        "duration_seconds": 1.0,
        **{f"records_{name}": n for name, n in (("read", 9), ("processed", 4), ("rejected", 2), ("duplicate", 0))},
    }
    rows = [{**row, "job_name": "consume"}, {**row, "records_conflicting": 3}]
    assert "4 loaded + 2 rejected + 0 duplicate + 3 conflicting." in balance(rows)
    assert "conflicting" not in balance([rows[0], row])
    assert [column.header for column in audit_table(rows).columns][-1] == "conflicting"
    assert [column.header for column in audit_table([row]).columns][-1] == "duplicates"
