"""Contracts that are edited between loads: docs/contracts.md has the table, each of its rows is tried on a table with rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from etl.errors import ContractError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.edits import Tanks, column
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


@pytest.fixture
def tanks(project: Project) -> Tanks:
    return Tanks(project)


def _optional(tanks: Tanks) -> None:
    del tanks.columns["rssi"]["required"]


def _required(tanks: Tanks) -> None:
    tanks.columns["note"]["required"] = True


def _renamed(tanks: Tanks) -> None:
    tanks.columns["rssi"]["name"] = "strength"
    tanks.custom("rename", {"strength": "rssi"})


def _move(tanks: Tanks) -> None:
    tanks.document["servers"][0]["path"] = "landing/elsewhere"
    tanks.folder = tanks.project.home / "landing" / "elsewhere"
    tanks.folder.mkdir()


def _time_to_text(tanks: Tanks) -> None:
    tanks.add(column("at", "timestamp"))
    tanks.columns["time"].update(logicalType="string")
    tanks.custom("eventTime", {"column": "at"})


def _windows(**value: Any) -> Callable[[Tanks], None]:
    return lambda tanks: tanks.custom("windows", value)


Edit = tuple[Callable[[Tanks], Any], dict[str, str], dict[str, str]]
"""What is changed, what the rows have then, and columns of the table with their types."""
_BERLIN = {"column": "time", "formats": ["%d.%m.%Y %H:%M", "iso8601"], "timezone": "Europe/Berlin"}
ALLOWED: dict[str, Edit] = {
    "a column added": (lambda t: t.add(column("volt", "number")), {"volt": "3.5"}, {"volt": "double precision"}),
    "a required one added": (
        lambda t: t.add(column("amp", "number", required=True)),
        {"amp": "3.5"},
        {"amp": "double precision"},
    ),
    "made required": (_required, {}, {"note": "character varying(10)"}),
    "i16 to i32": (lambda t: t.options("pulses", format="i32"), {"pulses": "70000"}, {"pulses": "integer"}),
    "i32 to i64": (lambda t: t.options("rssi", format=None), {"rssi": "-" + 12 * "9"}, {"rssi": "bigint required"}),
    "made optional": (_optional, {"rssi": ""}, {"rssi": "bigint"}),
    "renamed": (_renamed, {}, {"rssi": "bigint", "strength": "bigint"}),
    "integer to number": (
        lambda t: t.columns["pulses"].update(logicalType="number", logicalTypeOptions={}),
        {"pulses": "0.5"},
        {"pulses": "double precision"},
    ),
    "a shorter text": (lambda t: t.options("note", maxLength=2), {"note": "nn"}, {"note": "character varying(10)"}),
    "a longer text": (
        lambda t: t.options("note", maxLength=40),
        {"note": 40 * "n"},
        {"note": "character varying(40)"},
    ),
    "a text of any length": (lambda t: t.options("note", maxLength=None), {"note": 4000 * "n"}, {"note": "text"}),
    "a longer text of the key": (
        lambda t: t.options("device", maxLength=60),
        {"device": 60 * "d"},
        {"device": "character varying(60) required"},
    ),
    "a shorter text of the key": (lambda t: t.options("device", maxLength=2), {"device": "d1"}, {}),
    "limits": (lambda t: t.options("pulses", minimum=0, maximum=1000), {"pulses": "1000"}, {}),
    "a pattern": (lambda t: t.options("note", pattern="[a-z]*"), {"note": "abc"}, {}),
    "the event time's format": (lambda t: t.custom("eventTime", _BERLIN), {"time": "01.06.2024 12:00"}, {}),
    "the landing folder": (_move, {}, {}),
    "unknown keys": (lambda t: t.custom("unknownKeys", "evolve"), {"more": "1"}, {"more": "double precision"}),
    "unknown keys, back": (lambda t: t.custom("unknownKeys", "freeze"), {"more": "1.5"}, {}),
    "another sensor": (lambda t: t.custom("sensor", "site"), {}, {}),
    "more measures": (_windows(sizes=["5m", "1h"], measures=["level", "pulses", "strength"]), {}, {}),
    "fewer measures": (_windows(sizes=["5m", "1h"], measures=["pulses"]), {}, {}),
    "the key of windows": (_windows(sizes=["5m", "1h"], key=["device", "site"], measures=["level"]), {}, {}),
    "sizes of windows": (_windows(sizes=["15m", "1h"], measures=["level"]), {}, {}),
    "sizes of windows, back": (_windows(sizes=["5m", "15m"], measures=["level"]), {}, {}),
    "no windows": (_windows(sizes=[]), {}, {}),
    "windows, back": (_windows(sizes=["5m", "1h"]), {}, {}),
    "a column removed": (lambda t: t.remove("site"), {}, {"site": "character varying(20)"}),
}


def test_what_is_allowed_happens_and_every_row_loads(tanks: Tanks) -> None:
    """One edit after the other, with somebody else's views upon ours, which keep their rows and rights."""
    tanks.load(*[{}] * 12)
    tanks.init()
    reader = f"{tanks.project.database}_reader"
    tanks.run(
        "CREATE VIEW mine AS SELECT device, sum(level) AS level, count(*) AS rows FROM v_tanks GROUP BY device",
        "CREATE VIEW upon AS SELECT * FROM mine",
        f"CREATE ROLE {reader}",
        f"GRANT SELECT ON mine, v_tanks, v_etl_latest TO {reader}",
    )
    try:
        for number, (edit, (change, more, types)) in enumerate(ALLOWED.items()):
            if edit == "a column removed":
                tanks.custom("sensor", None)
            change(tanks)
            tanks.defaults |= more
            loaded = tanks.load({}, {"device": "d9"})
            tanks.defaults.pop("time", None)
            assert (loaded.counts.processed, loaded.counts.rejected) == (2, 0), edit
            assert types.items() <= tanks.types().items(), edit
            tanks.require_windows()
            assert tanks.sql("SELECT sum(rows) FROM upon") == [(14 + 2 * number,)], edit
            views = "(VALUES ('mine'), ('v_tanks'), ('v_etl_latest')) AS a (view)"
            rights = f"SELECT DISTINCT has_table_privilege('{reader}', view, 'SELECT') FROM {views}"
            if edit != "windows, back" and edit != "no windows":
                assert tanks.sql(rights) == [(True,)], edit
                assert tanks.sql("SELECT DISTINCT feed FROM v_etl_windows WHERE feed = 'tanks'"), edit
            key = ", ".join(tanks.contract.sensor)
            assert tanks.sql(f"SELECT count(*) = count(DISTINCT ({key})) FROM v_tanks_latest") == [(True,)], edit
    finally:
        tanks.run(f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")


REFUSED: dict[str, tuple[Callable[[Tanks], Any], str]] = {
    "number to integer": (
        lambda t: t.columns["level"].update(logicalType="integer"),
        "column 'level' of table 'tanks' is DOUBLE PRECISION; the contract says BIGINT",
    ),
    "i32 to i16": (
        lambda t: t.options("rssi", format="i16"),
        "'rssi' of table 'tanks' is INTEGER; the contract says SMALLINT",
    ),
    "time to text": (
        _time_to_text,
        "column 'time' of table 'tanks' is TIMESTAMP WITH TIME ZONE; the contract says TEXT",
    ),
    "text to number": (
        lambda t: t.columns["note"].update(logicalType="number", logicalTypeOptions={}),
        "column 'note' of table 'tanks' is VARCHAR(10); the contract says DOUBLE PRECISION",
    ),
    "renamed in case": (
        lambda t: t.columns["note"].update(name="Note"),
        "column 'Note' differs in case only from column 'note' of table tanks",
    ),
    "another key": (
        lambda t: t.columns["site"].update(primaryKey=True, primaryKeyPosition=3),
        "the key of table 'tanks', which has rows, is (device, time); the contract says (device, time, site)",
    ),
    "what somebody's view reads": (lambda t: t.remove("note"), "view mine reads 'note' of v_tanks"),
    "windows that somebody's view reads": (_windows(sizes=["5m"]), "view hours reads 'avg' of tanks_1h"),
    "what lies under somebody's rows": (
        lambda t: t.options("note", maxLength=99),
        "the materialized view kept depends on",
    ),
}


def test_what_is_refused_is_refused_before_a_job_does_anything(tanks: Tanks) -> None:
    """By `feeds check`, by every job, which leaves a FAILED row, and by `init`; the file waits, and loads when the edit is
    taken back.
    """
    tanks.load(*[{}] * 3)
    tanks.run(
        "CREATE VIEW mine AS SELECT note FROM v_tanks",
        "CREATE VIEW hours AS SELECT avg FROM tanks_1h",
        "CREATE MATERIALIZED VIEW kept AS SELECT device FROM tanks",
    )
    types, right = tanks.types(), copy.deepcopy(tanks.document)
    for edit, (change, said) in REFUSED.items():
        tanks.document = copy.deepcopy(right)
        change(tanks)
        assert said in tanks.check(), edit
        waiting = tanks.drop({})
        for job in (consume, merge, load) if edit == "number to integer" else (consume,):
            with pytest.raises(ContractError) as raised:
                job(tanks.project.settings, tanks.contract)
            assert said in raised.value.cause, edit
            assert raised.value.remedy, edit
            failed = tanks.project.log()[-1]
            assert (failed["job_name"], failed["status"], failed["records_read"]) == (job.__name__, "FAILED", 0), edit
        assert waiting.exists(), edit
        assert tanks.types() == types, edit
    with pytest.raises(ContractError, match="depends on"):
        tanks.init()
    tanks.document = right
    assert "is fine" in tanks.check()
    assert tanks.load().counts.processed == len(REFUSED) + 1
    assert tanks.sql("SELECT count(*) FROM etl_file WHERE kind = 'landing'") == [(len(REFUSED) + 2,)]
