"""Sequences of contract edits and loads: each edit happens, or is refused before anything is done; nothing is lost or wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etl.errors import ContractError
from tests.support.edits import DOCUMENT, Tanks, column
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql

Edit = Callable[[Tanks], object]
_KINDS: list[tuple[str, dict[str, Any]]] = [
    ("integer", {"format": "i16"}),
    ("integer", {"format": "i32"}),
    ("integer", {}),
    ("number", {}),
    ("string", {"maxLength": 10}),
    ("string", {"maxLength": 30}),
    ("string", {}),
    ("boolean", {}),
]
"""From narrow to wide, and into others."""
_COLUMNS = ("site", "level", "pulses", "rssi", "note")
_KEYS = (("device", "time"), ("time", "device"), ("device", "time", "site"), ("device",), ())
_SIZES: tuple[list[str], ...] = (["5m", "1h"], ["5m"], ["15m", "1d"], ["1h"], [])


def _toggle_required(name: str) -> Edit:
    return lambda tanks: tanks.columns[name].update(required=not tanks.columns[name].get("required", False))


def _toggle(name: str) -> Edit:
    """Remove a column, or add it again as it was at first."""

    def toggle(tanks: Tanks) -> None:
        if name in tanks.columns:
            tanks.remove(name)
        else:
            first = next(item for item in DOCUMENT["schema"][0]["properties"] if item["name"] == name)
            tanks.add(copy.deepcopy(first))

    return toggle


def _retype(name: str, kind: tuple[str, dict[str, Any]]) -> Edit:
    return lambda tanks: tanks.columns[name].update(logicalType=kind[0], logicalTypeOptions=dict(kind[1]))


def _rename(name: str, new: str) -> Edit:
    def rename(tanks: Tanks) -> None:
        tanks.columns[name]["name"] = new
        tanks.custom("rename", {**tanks.property("rename", {}), new: name})

    return rename


def _key(names: tuple[str, ...]) -> Edit:
    def key(tanks: Tanks) -> None:
        for name, item in tanks.columns.items():
            item.pop("primaryKey", None)
            item.pop("primaryKeyPosition", None)
            if name in names:
                item.update(primaryKey=True, primaryKeyPosition=names.index(name) + 1)

    return key


def _windows(sizes: list[str], measures: list[str], key: str) -> Edit:
    return lambda tanks: tanks.custom("windows", {"sizes": sizes, "measures": measures, "key": [key]})


def _custom(name: str, value: object) -> Edit:
    return lambda tanks: tanks.custom(name, value)


def _limits(maximum: int | None) -> Edit:
    return lambda tanks: tanks.options("pulses", maximum=maximum)


_COLUMN = st.sampled_from(_COLUMNS)
EDITS = st.one_of(
    st.builds(_toggle_required, _COLUMN),
    st.builds(_toggle, _COLUMN),
    st.builds(_retype, _COLUMN, st.sampled_from(_KINDS)),
    st.builds(_rename, _COLUMN, st.sampled_from(["renamed", "Site", "LEVEL", "start", "order"])),
    st.builds(_key, st.sampled_from(_KEYS)),
    st.builds(
        _windows,
        st.sampled_from(_SIZES),
        st.lists(st.sampled_from(["level", "pulses", "rssi"]), min_size=1, unique=True),
        st.sampled_from(["device", "site"]),
    ),
    st.builds(_custom, st.just("sensor"), st.sampled_from(["device", "site"])),
    st.builds(_custom, st.just("unknownKeys"), st.sampled_from(["evolve", "freeze", "discard"])),
    st.builds(
        _custom,
        st.just("eventTime"),
        st.sampled_from(
            [{"column": "time"}, {"column": "time", "timezone": "Asia/Tokyo", "formats": ["iso8601", "%d.%m.%Y %H:%M"]}]
        ),
    ),
    st.builds(_limits, st.sampled_from([None, 20, 1000])),
    st.just(lambda tanks: tanks.add(column("volt", "number", required=True))),
)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    # A failing sequence is short enough to be read as it is, and each is made on a real database.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(edits=st.lists(EDITS, min_size=8, max_size=8))
def test_after_any_edits_and_loads_all_is_right(project: Project, edits: list[Edit]) -> None:
    # Each sequence has its own table, and files that are like no others.
    tables = project.value("SELECT count(*) FROM information_schema.tables WHERE table_name ~ '^tanks_of_[0-9]+$'")
    tanks = Tanks(project, first=1_000 * tables)
    # A file without a required column is set aside as a whole.
    tanks.defaults = {"volt": 1.5}
    tanks.document = copy.deepcopy(DOCUMENT)
    tanks.document["schema"][0]["physicalName"] = f"tanks_of_{tables}"
    assert tanks.load({}, {}).counts.processed == 2
    for edit in edits:
        before = copy.deepcopy(tanks.document)
        try:
            edit(tanks)
            tanks.save()
            contract = tanks.contract
        except (KeyError, ContractError):
            # No contract at all: the column is gone, or a key names what is no column.
            tanks.document = before
            continue
        there = _state(tanks)
        file = tanks.drop({}, {"extra": 7}, {"pulses": 25})
        try:
            loaded = tanks.cycle()
        except ContractError as refused:
            assert _state(tanks) == there
            assert file.exists()
            assert refused.remedy
            assert str(refused.cause).count("\n") == 0
            tanks.document = before
            tanks.save()
            loaded = tanks.cycle()
        assert not file.exists(), contract
        counts = loaded.counts
        assert counts.read == 3 == counts.processed + counts.rejected + counts.duplicate
        assert _refused_by_the_database(tanks) == 0
        tanks.require_windows()
        tanks.sql(f"SELECT * FROM v_{tanks.table}, v_{tanks.table}_latest")


def _state(tanks: Tanks) -> object:
    """What a refused contract must not change."""
    count = tanks.sql(f"SELECT count(*) FROM {tanks.table}")
    return tanks.types(), count, tanks.sql("SELECT file_id FROM etl_file ORDER BY 1"), tanks.sql("TABLE etl_column")


def _refused_by_the_database(tanks: Tanks) -> int:
    found = tanks.sql("SELECT count(*) FROM etl_rejected_row WHERE reason = 'database_refused'")
    return int(found[0][0])
