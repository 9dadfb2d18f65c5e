"""Contracts drafted from samples: what is guessed, and that whatever is drafted can be used at once."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.writer import draft
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.reader import Contract, load_contracts, parse_contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import DEFAULT_START, csv_header, simulate
from etl.settings import Settings

PACKAGED = load_contracts(Settings.load(feeds=""))
STANDARD = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.validators.validator_for(STANDARD)(STANDARD)


def drafted(records: list[Any], **where: str) -> Contract:
    text = draft("mine", Sample("sample.json", JsonObjects(), records), **(where or {"topic": "mine"}))
    VALIDATOR.validate(yaml.safe_load(text))
    return parse_contract(text, Path("mine.odcs.yaml"))


def from_file(folder: Path, name: str, text: str) -> Contract:
    file = folder / name
    file.write_text(text, "utf-8")
    sample = read_sample([file])
    made = draft("mine", sample, **({"landing": "in"} if sample.form.is_tabular else {"topic": "mine"}))
    VALIDATOR.validate(yaml.safe_load(made))
    return parse_contract(made, Path("mine.odcs.yaml"))


@pytest.mark.parametrize("feed", PACKAGED)
def test_a_draft_from_a_packaged_feeds_messages_has_its_shape(feed: str, tmp_path: Path) -> None:
    known = PACKAGED[feed]
    lines = [m.value or b"" for m in next(simulate(known, 40, seed=1, start=DEFAULT_START, bad_share=0))]
    lines = [csv_header(known), *lines] if known.source.format.is_tabular else lines
    found = from_file(tmp_path, "s.csv" if known.source.format.is_tabular else "s.jsonl", b"\n".join(lines).decode())
    assert [column.source for column in found.columns if column.source not in {c.source for c in known.columns}] == []
    assert len(found.columns) == len(known.columns)
    assert found.explode == known.explode
    times = {contract.column(contract.event_time.column).source for contract in (found, known)}
    assert len(times) == 1
    assert found.event_time.formats[0] == known.event_time.formats[0]
    sources = [{contract.column(name).source for name in contract.primary_key} for contract in (found, known)]
    assert sources[0] == sources[1]
    kinds = [{column.source: column.type for column in contract.columns} for contract in (found, known)]
    assert kinds[0] == kinds[1]


def test_names_become_snake_case_and_never_clash(tmp_path: Path) -> None:
    record = {
        "deviceID": 1,
        "a": {"value": 2.5},
        "b": {"Value": 3.5},
        "raw": "x",
        "2nd": 1.5,
        "time": "2025-06-15T00:00:00Z",
    }
    found = drafted([record])
    assert found.column_names == ("device_id", "value", "value_", "raw_", "_2nd", "time")
    assert [".".join(column.source) for column in found.columns] == [
        "deviceID",
        "a.value",
        "b.Value",
        "raw",
        "2nd",
        "time",
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], "boolean"),
        ([1.5, 2], "double"),
        ([29, 30], "double"),
        (["007", "008"], "text"),
        (["a", 1], "text"),
        ([None, None], "text"),
        ([9_007_199_254_740_993, 5], "integer"),
        ([2**63, 5], "text"),
        (["12e5", "13e7"], "text"),
        (["1.2e5", "13e-7"], "double"),
        ([12e300, 5], "double"),
        ([True, 1], "text"),
        (["2025-06-15 09:12:01", "2025-06-15 09:12:02"], "timestamp"),
        (["2025-02-30 09:12:01", "2025-06-15 09:12:02"], "text"),
    ],
)
def test_types_are_those_that_hold_all_values(values: list[Any], kind: str) -> None:
    found = drafted([{"measured": value, "timestamp": f"2025-06-15T00:00:0{i}Z"} for i, value in enumerate(values)])
    assert found.column("measured").type == kind


def test_whole_numbers_are_integers_where_the_name_says_so() -> None:
    found = drafted([{"sensor_id": 1, "message_count": 7, "temperature": 20, "ts": 1_750_000_000}])
    assert [found.column(name).type for name in ("sensor_id", "message_count", "temperature")] == [
        "integer",
        "integer",
        "double",
    ]


@pytest.mark.parametrize(
    ("time", "form"),
    [
        ("2025-06-15T09:12:01+02:00", "iso8601"),
        ("2025-06-15 09:12:01+02", "iso8601"),
        (1_750_000_000, "epoch_seconds"),
        (1_750_000_000_123, "epoch_milliseconds"),
        (1_750_000_000_123_456, "epoch_microseconds"),
        ("25-06-2025 09:12", "%d-%m-%Y %H:%M"),
        ("06/25/2025 09:12:01", "%m/%d/%Y %H:%M:%S"),
        ("25.06.2025", "%d.%m.%Y"),
    ],
)
def test_the_format_of_times_is_recognised_by_content(time: Any, form: str) -> None:
    assert drafted([{"id": 5, "ts": time, "v": 1.5}]).event_time.formats == (form,)


def test_an_uncertain_order_of_day_and_month_is_said() -> None:
    text = draft("mine", Sample("s.json", JsonObjects(), [{"id": 1, "date": "05-06-2025"}]), topic="mine")
    assert "it could be %m-%d-%Y as well" in text


def test_a_record_without_time_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match="has a time in every record"):
        drafted([{"id": 1, "temperature": 2.5}])


def test_times_are_taken_by_name_before_content() -> None:
    record = {"installed_at": "2020-01-01T00:00:00Z", "event_time": "2025-06-15T00:00:00Z", "sensor": "a"}
    found = drafted([record])
    assert found.event_time.column == "event_time"
    assert found.column("installed_at").type == "timestamp"


def test_no_key_is_invented_where_none_tells_readings_apart() -> None:
    same = {"sensor": "a", "time": "2025-06-15T00:00:00Z", "v": 1.5}
    assert drafted([same, same]).primary_key == ()
    assert drafted([same, same | {"sensor": "b"}]).primary_key == ("sensor", "time")


def test_nested_arrays_become_levels_of_explode_and_others_are_named() -> None:
    record = {
        "sentAt": "2025-06-15T00:00:00Z",
        "tags": ["x"],
        "a.b": 1,
        "site": {
            "gates": [{"name": "g", "probes": [{"probeId": "p1", "value": 1.5}, {"probeId": "p2", "value": 2.5}]}]
        },
    }
    text = draft("mine", Sample("s.json", JsonObjects(), [record]), topic="mine")
    found = parse_contract(text, Path("mine.odcs.yaml"))
    assert found.explode == (("site", "gates"), ("probes",))
    assert found.column("probe_id").source == ("site", "gates", "[]", "probes", "[]", "probeId")
    assert found.primary_key == ("probe_id", "sent_at")
    assert "# Left out: the array 'tags'" in text
    assert "# Left out: the key 'a.b'" in text


def test_ranges_are_not_invented() -> None:
    found = drafted([{"id": "a", "v": 1.5, "ts": "2025-06-15T00:00:00Z"}])
    assert all(column.minimum is None and column.maximum is None and column.pattern is None for column in found.columns)


def test_names_that_others_have_are_not_drafted() -> None:
    time = "2025-06-15T00:00:00Z"
    found = drafted(
        [{"count": "a", "xmin": 1.5, "cycle_id": "c", "time": time}, {"count": "a", "xmin": 2, "time": time}]
    )
    assert found.column_names == ("sensor_count", "xmin_", "cycle_id_", "time")
    assert found.sensor == ("sensor_count",)
    assert [column.source for column in found.columns] == [("count",), ("xmin",), ("cycle_id",), ("time",)]


def test_a_time_in_another_format_than_the_event_times_stays_text() -> None:
    found = drafted([{"id": "a", "ts": 1_750_000_000, "v": 1.5, "installed": "2025-06-15T00:00:00Z"}])
    assert found.event_time.formats == ("epoch_seconds",)
    assert found.column("installed").type == "text"


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)


_OBJECTS = st.dictionaries(
    st.text(),
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_OBJECTS, min_size=1, max_size=4))
def test_whatever_the_sample_holds_the_draft_can_be_used(records: list[dict[str, Any]]) -> None:
    time = "2025-06-15T00:00:00Z"
    drafted([record | {"event_time": time} for record in records])
