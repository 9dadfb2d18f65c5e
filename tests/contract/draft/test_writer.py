"""Contracts drafted from samples: what is guessed, and that whatever is drafted can be used at once or asks a question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.writer import draft
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, load_contracts
from etl.database.schema.feed_table import feed_table, require_fits
from etl.database.sessions import PRODUCTS
from etl.jobs.produce.simulate import DEFAULT_START, csv_header, simulate
from etl.settings import Settings
from tests.contract.draft.drafting import drafted, questions, read_draft, text_of_draft

PACKAGED = load_contracts(Settings.load(feeds=""))
TIME = "2025-06-15T00:00:00Z"


def from_file(folder: Path, name: str, text: str) -> Contract:
    file = folder / name
    file.write_text(text, "utf-8")
    sample = read_sample([file])
    is_file = sample.form.is_tabular
    return read_draft(draft("mine", sample, topic="" if is_file else "mine", landing="in" if is_file else ""))


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


def test_names_become_snake_case_and_never_clash() -> None:
    record = {
        "deviceID": 1,
        "a": {"value": 2.5, "unit": "C"},
        "b": {"Value": 3.5, "unit": "%"},
        "raw": "x",
        "2nd": 1.5,
        "time": TIME,
    }
    found = drafted([record])
    assert {column.name: ".".join(column.source) for column in found.columns} == {
        "device_id": "deviceID",
        "a": "a.value",
        "a_unit": "a.unit",
        "b": "b.Value",
        "b_unit": "b.unit",
        "raw_": "raw",
        "_2nd": "2nd",
        "time": "time",
    }


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
    records = [{"id": "a", "measured": value, "timestamp": f"2025-06-15T00:00:0{i}Z"} for i, value in enumerate(values)]
    found = drafted(records)
    assert found.column("measured").type == kind


def test_whole_numbers_are_integers_where_the_name_says_so() -> None:
    found = drafted([{"sensor_id": 1, "message_count": 7, "temperature": 20, "ts": 1_750_000_000}])
    assert [found.column(name).type for name in ("sensor_id", "message_count", "temperature")] == [
        "integer",
        "integer",
        "double",
    ]


def test_nested_arrays_become_levels_of_explode_and_others_are_named() -> None:
    record = {
        "sentAt": TIME,
        "tags": ["x"],
        "a.b": 1,
        "site": {
            "gates": [{"name": "g", "probes": [{"probeId": "p1", "value": 1.5}, {"probeId": "p2", "value": 2.5}]}]
        },
    }
    text = text_of_draft([record])
    found = read_draft(text)
    assert found.explode == (("site", "gates"), ("probes",))
    assert found.column("probe_id").source == ("site", "gates", "[]", "probes", "[]", "probeId")
    assert found.primary_key == ("probe_id", "sent_at")
    assert found.column("a_b").source == ("a.b",)
    assert "# Left out: tags." in text


def test_an_array_beside_measures_is_no_reason_to_explode() -> None:
    record = {"id": "a", "time": TIME, "temperature": 21.5, "neighbours": [{"id": "b", "rssi": -70}]}
    assert drafted([record]).explode == ()
    other = {"id": "a", "time": TIME, "temperature": 21.5, "phases": [{"nr": 1, "load": 2.5}]}
    assert drafted([other]).explode == ()
    assert "add the property explode: phases" in text_of_draft([other])


def test_an_array_of_readings_is_exploded_though_the_message_has_measures() -> None:
    record = {"time": TIME, "battery": 3.6, "sensors": [{"id": "a", "value": 21.5}, {"id": "b", "value": 22.5}]}
    found = drafted([record])
    assert found.explode == (("sensors",),)
    assert found.primary_key == ("id", "time")


def test_arrays_that_are_alike_are_asked_about() -> None:
    record = {name: [{"ts": 1_750_000_000, "id": name, "v": 1.5}] for name in ("kitchen", "bath")}
    (question,) = questions(text_of_draft([record]))
    assert question.place == "customProperties.explode"
    assert "kitchen, bath? Their elements are alike" in question.text


def test_a_unit_in_a_header_is_the_columns() -> None:
    record = {"id": "a", "time": TIME, "Temperature (°C)": "21.5", "Comment (free)": "x"}
    found = drafted([record], csv=CsvDialect())
    assert (found.column("temperature_c").unit, found.column("comment_free").unit) == ("°C", "")


def test_messages_that_are_arrays_are_exploded() -> None:
    found = drafted([{"$": [{"id": "a", "ts": 1_750_000_000, "v": 1.5}, {"id": "b", "ts": 1_750_000_000, "v": 2.5}]}])
    assert found.explode == (("$",),)
    assert found.column("v").source == ("$", "[]", "v")


def test_a_key_that_is_an_object_in_some_records_is_no_column() -> None:
    records = [{"id": "a", "time": TIME, "v": 1.5, "x": 1}, {"id": "b", "time": TIME, "v": 1.5, "x": {"y": 2.5}}]
    found = drafted(records)
    assert [column.source for column in found.columns if column.source[0] == "x"] == [("x", "y")]
    assert "x is an object in some records" in text_of_draft(records)


def test_ranges_are_not_invented() -> None:
    found = drafted([{"id": "a", "v": 1.5, "ts": "2025-06-15T00:00:00Z"}])
    assert all(column.minimum is None and column.maximum is None and column.pattern is None for column in found.columns)


def test_the_head_says_what_was_found_and_what_comes_next() -> None:
    text = text_of_draft([{"id": "a", "v": 1.5, "ts": TIME}])
    head = text[: text.index("apiVersion")]
    assert "# Drafted from sample (1 record)" in head
    assert "# Next: python -m etl feeds check mine.odcs.yaml\n" in head
    assert "#       python -m etl run mine\n" in head
    assert "To decide" not in head


@pytest.mark.parametrize(
    ("name", "word"),
    [("my sample.jsonl", "'my sample.jsonl'"), ("a$b.jsonl", "'a$b.jsonl'"), ("a\nb.jsonl", "$'a\\x0ab.jsonl'")],
)
def test_the_commands_of_the_head_can_be_copied(name: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text('{"id": "a", "ts": "2025-06-15T00:00:00Z", "v": 1.5}\n', "utf-8")
    text = draft("mine", replace(read_sample([file]), files=(Path(name),)), topic="mine")
    assert f"#       python -m etl feeds try mine --from {word}\n" in text
    assert f"#       python -m etl run mine --file {word}\n" in text
    read_draft(text)


def test_the_head_counts_what_is_to_be_decided() -> None:
    text = text_of_draft([{"a": "x", "b": "y", "date": "05/06/2025", "v": 1.5}])
    assert len(questions(text)) == 2
    assert "# To decide: 2 values are TODO; nothing runs until they are decided." in text


def test_comments_are_not_wider_than_a_screen() -> None:
    record = {"id": "a", "ts": TIME, "v": 1.5} | {f"list{number}": [1] for number in range(50)}
    head = text_of_draft([record]).split("apiVersion")[0]
    assert "and 42 others" in head
    assert max(map(len, head.splitlines())) <= 128


def test_a_wide_sample_gives_a_table_that_every_product_can_hold() -> None:
    record = {"id": "a", "ts": TIME} | {f"measure{number}": 1.5 for number in range(1_700)}
    text = text_of_draft([record] * 3)
    found = read_draft(text)
    assert 800 < len(found.columns) <= 1_000
    assert {"id", "ts"} <= {*found.column_names}
    assert "Left out: measure" in text
    for product in PRODUCTS:
        evolved = EvolvedContract.of(found)
        require_fits(product, found, [feed_table(evolved)])


def test_a_file_without_a_header_that_is_too_wide_is_not_said_to_be_read_without_columns() -> None:
    record = {"id": "a", "ts": TIME} | {f"column_{number}": "1.5" for number in range(3, 1_101)}
    head = text_of_draft([record] * 3, csv=CsvDialect(header=False)).split("apiVersion")[0].replace("\n#  ", " ")
    assert "lines of 1,100 fields are rejected by this contract of " in head
    assert "unknownKeys" not in head
    named = text_of_draft([record] * 3, csv=CsvDialect()).split("apiVersion")[0].replace("\n#  ", " ")
    assert "unknownKeys says what happens to them" in named
    assert "fields are rejected" not in named


def test_ten_thousand_keys_are_drafted_in_bounded_time() -> None:
    records = [{"id": "a", "ts": TIME} | {f"k{row}_{number}": 1.5 for number in range(1_000)} for row in range(10)]
    assert len(drafted(records).columns) <= 1_000


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


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
    drafted([record | {"event_time": TIME, "device_id": "a"} for record in records])


@settings(max_examples=100, deadline=None)
@given(st.lists(_OBJECTS.filter(bool), min_size=1, max_size=4), st.sampled_from([None, CsvDialect(delimiter=";")]))
def test_whatever_the_sample_lacks_is_asked(records: list[dict[str, Any]], csv: CsvDialect | None) -> None:
    text = text_of_draft(records, csv=csv)
    if not questions(text):
        read_draft(text)
