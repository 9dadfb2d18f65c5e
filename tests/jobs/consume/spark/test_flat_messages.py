"""What the flat form matches is a sound message, with the very values that `etl.validation.message` finds in it."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.model import Column, Contract, EventTime
from etl.contract.reader import load_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.flat_messages import flat_form
from etl.jobs.produce.simulate import simulate
from etl.settings import Settings
from etl.validation.message import read
from tests.validation.test_message import NESTED

SITE = Contract(
    feed="site",
    source=KafkaTopic("site"),
    table="site",
    columns=(
        Column("id", "text", required=True),
        Column("latitude", "double", path=("place", "lat")),
        Column("at", "timestamp", required=True),
        Column("longitude", "double", path=("place", "lon")),
        Column("is on", "boolean", path=("is.on ($1)?",)),
    ),
    primary_key=(),
    event_time=EventTime("at"),
)
PLAIN = '{"id":"a","place":{"lat":1.50,"lon":-0},"at":"2025-06-15","is.on ($1)?":null}'


def texts_by_form(message: str, contract: Contract) -> dict[str, str | None] | None:
    form = flat_form(contract)
    assert form is not None
    if (match := re.search(form.expression, message)) is None:
        return None
    groups = match.groups(default="")
    values = {name: groups[2 * place] + groups[2 * place + 1] for name, place in form.places.items()}
    return {name: None if name in form.optional and text in ("", "null") else text for name, text in values.items()}


def test_values_are_found_where_each_object_first_stands() -> None:
    expected = {"id": "a", "latitude": "1.50", "longitude": "-0", "at": "2025-06-15", "is on": None}
    assert texts_by_form(PLAIN, SITE) == expected
    spread = json.dumps(json.loads(PLAIN), indent=2) + "\n"
    assert texts_by_form(spread, SITE) == {**expected, "latitude": "1.5", "longitude": "0"}


@pytest.mark.parametrize("missing", [',"is.on ($1)?":null', ',"lon":-0', ""])
def test_an_optional_value_may_be_missing(missing: str) -> None:
    message = PLAIN.replace(missing, "")
    assert texts_by_form(message, SITE) == read(message, SITE).texts


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"a"', "null"),
        ('"a"', r'"\u0061"'),
        ('"a"', '"a\x1f"'),
        ('"a"', '"\ufffd"'),
        ('"a"', '"a'),
        ('"a"', "01"),
        ('"a"', "1."),
        ('"a"', "NaN"),
        ('"a"', "[]"),
        ('"2025-06-15"', '"2025-06-15","id":"b"'),
        ('"lon":-0', '"lon":-0,"alt":3'),
        ('"id":"a",', ""),
        (":null}", ':"null"}'),
        (":null}", ':""}'),
        ('"lat":1.50,', ""),
        (":null}", ":null}}"),
        (":null}", ":null}\u2028"),
        ('{"id"', '\ufeff{"id"'),
    ],
)
def test_any_other_form_is_left_to_the_parser(old: str, new: str) -> None:
    assert texts_by_form(PLAIN, SITE) is not None
    changed = PLAIN.replace(old, new)
    assert changed != PLAIN
    assert texts_by_form(changed, SITE) is None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
PIECES = st.sampled_from(
    [*'{}[]:," \t\n\\0123456789.-+eE', "null", "true", '"id"', '"at"', '"', "ö", "\x1f", "\0", "\u2028"]
)


@given(st.data())
def test_what_matches_means_what_the_parser_says(data: st.DataObject) -> None:
    value = data.draw(SCALARS)
    text = json.dumps(
        {"id": value, "place": {"lat": data.draw(SCALARS), "lon": 1}, "at": "x", "is.on ($1)?": None},
        ensure_ascii=data.draw(st.booleans()),
    )
    place = data.draw(st.integers(0, len(text)))
    text = (
        text[:place] + "".join(data.draw(st.lists(PIECES, max_size=2))) + text[place + data.draw(st.integers(0, 2)) :]
    )
    if (texts := texts_by_form(text, SITE)) is not None:
        reading = read(text, SITE)
        assert reading.reason is None
        assert not reading.unknown
        assert not reading.nested
        assert reading.texts == texts


def test_a_long_text_is_matched() -> None:
    name = "aö\u4e2d" * 100_000
    texts = texts_by_form(PLAIN.replace('"a"', f'"{name}"'), SITE)
    assert texts is not None
    assert texts["id"] == name


def test_what_has_no_flat_form(settings: Settings) -> None:
    assert flat_form(load_contract("device_events", settings)) is None
    assert flat_form(NESTED) is None
    whole = dataclasses.replace(SITE, columns=(*SITE.columns, Column("place", "text")))
    assert flat_form(whole) is None
    quoted = dataclasses.replace(SITE, columns=(*SITE.columns, Column("quoted", "text", path=('a"b',))))
    assert flat_form(quoted) is None


@pytest.mark.parametrize("feed", ["sensor_readings", "raw_iot"])
def test_what_the_simulator_sends_is_plain(feed: str, settings: Settings) -> None:
    contract = load_contract(feed, settings)
    (chunk,) = simulate(contract, 100, seed=1, start=datetime(2025, 6, 15), bad_share=0.0)
    assert all(message.value and texts_by_form(message.value.decode(), contract) for message in chunk)
