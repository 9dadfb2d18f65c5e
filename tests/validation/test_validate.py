from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import EvolvedContract, NumberFormat
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.validation.reasons import Reason
from etl.validation.validate import Validated, validate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD: dict[str, str | None] = {
    "sensor_id": "1",
    "temperature": "21.5",
    "humidity": "40",
    "timestamp": "2025-06-15 09:12:01",
}


def check(contract: Contract, *rows: dict[str, str | None], changes: Mapping[str, str] | None = None) -> Validated:
    filled = [
        {"source_partition": "0", "source_offset": str(i), "source_item": "0", "source_time": "", "raw": None, **row}
        for i, row in enumerate(rows)
    ]
    columns = {name: [row.get(name) for row in filled] for name in EvolvedContract.of(contract).file_columns}
    chunk = pa.record_batch({n: pa.array(v, pa.string()) for n, v in columns.items()})
    return validate(chunk, contract, now=NOW, changes=changes)


def reasons(result: Validated) -> list[str]:
    found: list[str] = result.rejected["reason"].to_pylist()
    return found


def test_good_rows_get_their_types(contract: Contract) -> None:
    result = check(contract, GOOD)
    assert result.rejected.num_rows == 0
    assert result.accepted.to_pylist() == [
        {
            "sensor_id": 1,
            "temperature": 21.5,
            "humidity": 40.0,
            "timestamp": datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC),
            "source_partition": 0,
            "source_offset": 0,
            "source_item": 0,
        }
    ]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("sensor_id", None, Reason.MISSING),
        ("sensor_id", "true", Reason.WRONG_TYPE),
        ("sensor_id", "1.0", Reason.WRONG_TYPE),
        ("sensor_id", "", Reason.WRONG_TYPE),
        ("sensor_id", "99999999999", Reason.OUT_OF_RANGE),
        ("sensor_id", "9999999999999999999", Reason.OUT_OF_RANGE),
        ("sensor_id", "99999999999999999999999999", Reason.OUT_OF_RANGE),
        ("sensor_id", "0", Reason.OUT_OF_RANGE),
        ("temperature", None, Reason.MISSING),
        ("temperature", "warm", Reason.WRONG_TYPE),
        ("temperature", "21,5", Reason.WRONG_TYPE),
        ("temperature", " 21.5", Reason.WRONG_TYPE),
        ("temperature", "0x10", Reason.WRONG_TYPE),
        ("temperature", '{"c":21.5}', Reason.WRONG_TYPE),
        ("temperature", "NaN", Reason.NOT_FINITE),
        ("temperature", '"Infinity"', Reason.NOT_FINITE),
        ("temperature", "1e400", Reason.NOT_FINITE),
        ("temperature", "60.01", Reason.OUT_OF_RANGE),
        ("humidity", "-0.5", Reason.OUT_OF_RANGE),
        ("timestamp", None, Reason.MISSING),
        ("timestamp", "2025-02-30 00:00:00", Reason.BAD_TIME),
        ("timestamp", "2025-06-15 24:00:00", Reason.BAD_TIME),
        ("timestamp", "01/02/2024", Reason.BAD_TIME),
        ("timestamp", "1750000000", Reason.BAD_TIME),
        ("timestamp", "55969-01-01 00:00:00", Reason.BAD_TIME),
        ("timestamp", "1970-01-01 00:00:00", Reason.TIME_OUT_OF_RANGE),
        ("timestamp", "2026-01-01 01:00:01", Reason.TIME_OUT_OF_RANGE),
    ],
)
def test_a_bad_value_is_rejected_and_its_neighbours_are_not(
    contract: Contract, column: str, value: str | None, reason: Reason
) -> None:
    result = check(contract, GOOD, {**GOOD, column: value}, GOOD)
    assert reasons(result) == [reason]
    assert result.accepted["source_offset"].to_pylist() == [0, 2]
    assert json.loads(result.rejected["problems"][0].as_py()) == [{"column": column, "rule": reason, "value": value}]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("sensor_id", "+7", 7),
        ("sensor_id", "2147483647", 2147483647),
        ("temperature", "-5E-1", -0.5),
        ("temperature", "60", 60.0),
        ("timestamp", "2025-06-15T09:12:01.123456Z", datetime(2025, 6, 15, 9, 12, 1, 123456, tzinfo=UTC)),
        ("timestamp", "2025-06-15 11:12:01+02:00", datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC)),
        ("timestamp", "2025-06-15 09:12", datetime(2025, 6, 15, 9, 12, tzinfo=UTC)),
        ("timestamp", "2025-06-15 11:12:01+02", datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC)),
        ("timestamp", "2025-06-15T06:12-03", datetime(2025, 6, 15, 9, 12, tzinfo=UTC)),
        ("timestamp", "2025-06-15t09:12:01,5z", datetime(2025, 6, 15, 9, 12, 1, 500000, tzinfo=UTC)),
        ("timestamp", "20250615T091201Z", datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC)),
        ("timestamp", "20250615T1112+02", datetime(2025, 6, 15, 9, 12, tzinfo=UTC)),
    ],
)
def test_unusual_but_right_values_are_taken(contract: Contract, column: str, value: str, expected: Any) -> None:
    # A bad neighbour makes the column take the slower road, which must give the same.
    result = check(contract, {**GOOD, column: value}, {**GOOD, "timestamp": "2025-02-30 00:00:00"})
    assert result.accepted[column].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (r"\null", Reason.TOMBSTONE),
        ("", Reason.EMPTY),
        ("  \n", Reason.EMPTY),
        (r"\x7b22ff227d", Reason.NOT_UTF8),
        ("hello", Reason.NOT_JSON),
        ('{"sensor_id":1', Reason.NOT_JSON),
        ('{"sensor_id":1} x', Reason.NOT_JSON),
        ('{"sensor_id":1}{"sensor_id":2}', Reason.NOT_JSON),
        ("{'sensor_id':1}", Reason.NOT_JSON),
        ('\ufeff{"sensor_id":1}', Reason.NOT_JSON),
        ("[" * 100_000, Reason.NOT_JSON),
        ("[]", Reason.NOT_OBJECT),
        ('[{"sensor_id":1}]', Reason.NOT_OBJECT),
        ("null", Reason.NOT_OBJECT),
        ("12", Reason.NOT_OBJECT),
        ('{"sensor_id":1,"sensor_id":2}', Reason.DUPLICATE_KEY),
        ('{"a":{"b":1,"b":2},"a":NaN}', Reason.NOT_FINITE),
        (r'{"sensor_id":"\ud800"}', Reason.INVALID_TEXT),
        (r'{"sensor_id":"\u0000"}', Reason.INVALID_TEXT),
        ('{"temperature":NaN}', Reason.NOT_FINITE),
        ('{"temperature":-Infinity}', Reason.NOT_FINITE),
        ('{"sensor_id":1,"temperature":1}', Reason.NOT_JSON),  # Spark's columns are empty: it could not split it
        (r'{"name":"\ud83d\ude00"}', Reason.MISSING),
    ],
)
def test_a_message_that_is_no_sound_object_is_rejected_as_a_whole(contract: Contract, raw: str, reason: Reason) -> None:
    result = check(contract, GOOD, {"raw": raw})
    assert reasons(result) == [reason]
    assert result.rejected["raw"].to_pylist() == [raw]
    assert result.rejected["raw_rebuilt"].to_pylist() == [False]


@pytest.mark.parametrize("more", [r'"\\u0000"', r'"\\ud800"', '{"x":1,"x":2}', '1,"more":2', "1e400", "[[[null]]]"])
def test_what_the_contract_does_not_name_is_not_judged(contract: Contract, more: str) -> None:
    values = {"sensor_id": 1, "temperature": 21.5, "humidity": 40, "timestamp": "2025-06-15 09:12:01"}
    raw = json.dumps(values)[:-1] + f',"more":{more}}}'
    result = check(contract, {**GOOD, "raw": raw})
    assert (result.accepted.num_rows, dict(result.unknown)) == (1, {"more": 1})


def test_a_broken_message_is_rejected_also_where_nothing_is_required(contract: Contract) -> None:
    columns = tuple(dataclasses.replace(column, required=False) for column in contract.columns)
    result = check(dataclasses.replace(contract, columns=columns, primary_key=()), {"raw": "broken"}, GOOD)
    assert (reasons(result), result.accepted.num_rows) == ([Reason.NOT_JSON], 1)


def test_a_null_is_no_wrong_truth_value(contract: Contract) -> None:
    switch = dataclasses.replace(contract, columns=(*contract.columns, Column("light", "boolean")))
    result = check(switch, *({**GOOD, "light": light} for light in (None, "true", "false", "on")))
    assert result.accepted["light"].to_pylist() == [None, True, False]
    assert reasons(result) == [Reason.WRONG_TYPE]


def test_offsets_in_a_pattern_may_differ_from_row_to_row(contract: Contract) -> None:
    pattern = EventTime("timestamp", formats=("%Y-%m-%d %H:%M:%S %z",), timezone="Europe/Berlin")
    times = (
        "2024-05-01 00:01:00 +0200",
        "2024-05-01 00:01:00 -0330",
        "2024-05-01 00:01:00 +02:00",
        "2024-05-01 00:01:00",
    )
    result = check(dataclasses.replace(contract, event_time=pattern), *({**GOOD, "timestamp": time} for time in times))
    moments = [datetime(2024, 4, 30, 22, 1, tzinfo=UTC), datetime(2024, 5, 1, 3, 31, tzinfo=UTC)]
    assert result.accepted["timestamp"].to_pylist() == [*moments, moments[0]]
    assert reasons(result) == [Reason.BAD_TIME]


def test_a_moment_that_no_driver_could_hand_over_is_out_of_range_in_any_column(contract: Contract) -> None:
    seen = Column("seen", "timestamp")
    epochs = dataclasses.replace(
        contract, columns=(*contract.columns, seen), event_time=EventTime("timestamp", formats=("epoch_seconds",))
    )
    row = {**GOOD, "timestamp": "1749945610"}
    result = check(epochs, {**row, "seen": "1749945610000"}, {**row, "seen": "-1e300"}, {**row, "seen": "0"})
    assert reasons(result) == [Reason.TIME_OUT_OF_RANGE] * 2
    assert result.accepted["seen"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC)]


def test_a_key_that_no_index_could_hold_is_too_long(contract: Contract) -> None:
    place = Column("place", "text", required=True)
    wide = dataclasses.replace(contract, columns=(*contract.columns, place), primary_key=("sensor_id", "place"))
    result = check(wide, {**GOOD, "place": "é" * 1_300}, {**GOOD, "place": "é" * 1_301})
    assert (result.accepted.num_rows, reasons(result)) == (1, [Reason.TOO_LONG])


def test_columns_are_found_by_where_their_values_were_when_the_contract_has_other_names_since(
    contract: Contract,
) -> None:
    then = {"sensor_id": "1", "temperature": "40", "humidity": "21.5", "seen": "2025-06-15 09:12:01", "site": "x"}
    paths = {"sensor_id": ("sensor_id",), "temperature": ("humidity",), "humidity": ("temperature",),
             "seen": ("timestamp",), "site": ("site",)}  # fmt: skip
    where = {"source_partition": "0", "source_offset": "5", "source_item": "0", "source_time": "", "raw": None}
    chunk = pa.record_batch({name: pa.array([value], pa.string()) for name, value in {**then, **where}.items()})
    good = validate(chunk, contract, now=NOW, paths=paths)
    (row,) = good.accepted.select(["temperature", "humidity", "timestamp"]).to_pylist()
    assert row == {"temperature": 21.5, "humidity": 40.0, "timestamp": datetime(2025, 6, 15, 9, 12, 1, tzinfo=UTC)}
    assert dict(good.unknown) == {"site": 1}
    cold = dataclasses.replace(contract.column("temperature"), maximum=0.0)
    columns = tuple(cold if column.name == cold.name else column for column in contract.columns)
    bad = validate(chunk, dataclasses.replace(contract, columns=columns), now=NOW, paths=paths)
    assert json.loads(bad.rejected["raw"][0].as_py()) == {
        "sensor_id": 1, "temperature": 21.5, "humidity": 40, "timestamp": "2025-06-15 09:12:01", "site": "x",
    }  # fmt: skip


def test_several_problems_are_all_kept_and_the_first_in_order_is_the_reason(contract: Contract) -> None:
    result = check(contract, {**GOOD, "humidity": "140", "timestamp": "never", "sensor_id": None})
    assert reasons(result) == [Reason.MISSING]
    rules = [problem["rule"] for problem in json.loads(result.rejected["problems"][0].as_py())]
    assert rules == [Reason.MISSING, Reason.OUT_OF_RANGE, Reason.BAD_TIME]


def test_a_row_without_its_own_text_gets_one_made_from_its_columns(contract: Contract) -> None:
    result = check(contract, {**GOOD, "temperature": "99"})
    assert result.rejected["raw"].to_pylist() == [
        '{"sensor_id":1,"temperature":99,"humidity":40,"timestamp":"2025-06-15 09:12:01"}'
    ]
    assert result.rejected["raw_rebuilt"].to_pylist() == [True]


def text_feed(contract: Contract, **rules: Any) -> Contract:
    return dataclasses.replace(contract, columns=(*contract.columns, Column("label", "text", **rules)))


@pytest.mark.parametrize(
    ("rules", "value", "reason"),
    [
        ({"max_length": 3}, "😀😀😀😀", Reason.TOO_LONG),
        ({"min_length": 2}, "a", Reason.TOO_SHORT),
        ({"pattern": "[a-z]+"}, "ab1", Reason.PATTERN),
        ({"pattern": "[a-z]+"}, "ab\n", Reason.PATTERN),
        ({"required": True}, None, Reason.MISSING),
        ({}, "a\0b", Reason.INVALID_TEXT),
    ],
)
def test_texts_are_held_to_their_rules(
    contract: Contract, rules: dict[str, Any], value: str | None, reason: Reason
) -> None:
    assert reasons(check(text_feed(contract, **rules), {**GOOD, "label": value})) == [reason]


@pytest.mark.parametrize("value", ["", " ", "NA", "null", "😀😀😀", "=1+1", "007"])
def test_texts_are_kept_as_they_are(contract: Contract, value: str) -> None:
    result = check(text_feed(contract, max_length=4), {**GOOD, "label": value})
    assert result.accepted["label"].to_pylist() == [value]


def test_an_object_where_a_text_belongs_is_of_the_wrong_type(contract: Contract) -> None:
    raw = json.dumps({"sensor_id": 1, "label": {"a": 1}})
    result = check(text_feed(contract), {**GOOD, "label": '{"a":1}', "raw": raw})
    assert reasons(result) == [Reason.WRONG_TYPE]
    quoted = json.dumps({"sensor_id": 1, "label": '{"a":1}'})
    assert check(text_feed(contract), {**GOOD, "label": '{"a":1}', "raw": quoted}).rejected.num_rows == 0


def test_local_times_follow_the_contracts_zone(contract: Contract) -> None:
    berlin = dataclasses.replace(contract, event_time=EventTime("timestamp", timezone="Europe/Berlin"))
    skipped, twice = "2025-03-30 02:30:00", "2025-10-26 02:30:00"
    result = check(berlin, GOOD, {**GOOD, "timestamp": skipped}, {**GOOD, "timestamp": twice})
    assert reasons(result) == [Reason.BAD_TIME]
    assert result.accepted["timestamp"].to_pylist() == [
        datetime(2025, 6, 15, 7, 12, 1, tzinfo=UTC),
        datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
    ]


def test_an_archive_that_is_older_than_a_column_loads(contract: Contract) -> None:
    chunk = pa.record_batch({**{n: [v] for n, v in GOOD.items()}, "source_partition": ["0"], "source_offset": ["5"],
                             "source_item": ["0"], "source_time": [""], "raw": pa.array([None], pa.string())})  # fmt: skip
    result = validate(chunk, text_feed(contract), now=NOW)
    assert result.accepted["label"].to_pylist() == [None]


def test_no_row_is_lost_or_doubled(contract: Contract) -> None:
    rows = [{**GOOD, "temperature": value} for value in ("1", "x", "2", None, "900", "3")]
    result = check(contract, *rows)
    places = result.accepted["source_offset"].to_pylist() + result.rejected["source_offset"].to_pylist()
    assert sorted(places) == list(range(len(rows)))


# --- other formats of time, and keys that the contract does not name --------------------------------------------------


@pytest.mark.parametrize(
    ("formats", "text", "expected"),
    [
        (("epoch_seconds",), "1.5945120943859746E9", datetime(2020, 7, 12, 0, 1, 34, 385975, tzinfo=UTC)),
        (("epoch_seconds",), "1594512094", datetime(2020, 7, 12, 0, 1, 34, tzinfo=UTC)),
        (("epoch_milliseconds",), "1594512094385", datetime(2020, 7, 12, 0, 1, 34, 385000, tzinfo=UTC)),
        (("epoch_seconds",), "1594512094385", Reason.TIME_OUT_OF_RANGE),
        (("epoch_seconds",), "9" * 30, Reason.TIME_OUT_OF_RANGE),
        (("epoch_seconds",), "2020-07-12T00:01:34Z", Reason.BAD_TIME),
        (("epoch_seconds", "iso8601"), "2020-07-12T00:01:34Z", datetime(2020, 7, 12, 0, 1, 34, tzinfo=UTC)),
        (("%d-%m-%Y %H:%M",), "08-12-2018 09:30", datetime(2018, 12, 8, 9, 30, tzinfo=UTC)),
        (("%d-%m-%Y %H:%M",), "30-02-2018 09:30", Reason.BAD_TIME),
        (("%d-%m-%Y %H:%M",), "08-12-2018 09:30:15", Reason.BAD_TIME),
        (("%d-%m-%Y %H:%M", "%d/%m/%Y"), "08/12/2018", datetime(2018, 12, 8, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_formats_of_the_contract(
    contract: Contract, formats: tuple[str, ...], text: str, expected: datetime | Reason
) -> None:
    contract = dataclasses.replace(contract, event_time=EventTime("timestamp", formats=formats))
    result = check(contract, {**GOOD, "timestamp": text})
    found = result.accepted["timestamp"].to_pylist() or [Reason(reason) for reason in reasons(result)]
    assert found == [expected]


def test_a_local_time_in_a_format_of_its_own_may_not_exist(contract: Contract) -> None:
    berlin = EventTime("timestamp", timezone="Europe/Berlin", formats=("%d.%m.%Y %H:%M",))
    result = check(
        dataclasses.replace(contract, event_time=berlin),
        {**GOOD, "timestamp": "29.03.2020 02:30"},
        {**GOOD, "timestamp": "29.03.2020 03:30"},
    )
    assert reasons(result) == ["bad_time"]
    assert result.accepted["timestamp"].to_pylist() == [datetime(2020, 3, 29, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(("unknown_keys", "rejected"), [("freeze", []), ("discard", ["unknown_key"])])
def test_a_key_that_the_contract_does_not_name_is_counted_or_set_aside(
    contract: Contract, unknown_keys: Any, rejected: list[str]
) -> None:
    raw = json.dumps({**GOOD, "firmware": "7"})
    result = check(dataclasses.replace(contract, unknown_keys=unknown_keys), GOOD, {**GOOD, "raw": raw})
    assert result.unknown == {"firmware": 1}
    assert reasons(result) == rejected


def test_failures_and_present_values_are_counted_by_column(contract: Contract) -> None:
    result = check(contract, GOOD, {**GOOD, "temperature": None}, {**GOOD, "temperature": "99", "humidity": "x"})
    assert result.failures == {
        ("temperature", Reason.MISSING): 1,
        ("temperature", Reason.OUT_OF_RANGE): 1,
        ("humidity", Reason.WRONG_TYPE): 1,
    }
    assert result.present["temperature"] == 2
    assert result.rejected_rows == (1, 2)


@pytest.mark.parametrize("role", ["key", "sensor", "windows"])
def test_a_text_that_tells_rows_apart_ends_in_no_blank(contract: Contract, role: str) -> None:
    """SQL Server compares without blanks at the end, PostgreSQL with them."""
    texts = tuple(Column(name, "text") for name in ("id", "note"))
    contract = dataclasses.replace(contract, columns=(*contract.columns, *texts))
    if role == "key":
        contract = dataclasses.replace(contract, primary_key=(*contract.primary_key, "id"))
    elif role == "sensor":
        contract = dataclasses.replace(contract, sensor=("id",))
    else:
        assert contract.windows is not None
        contract = dataclasses.replace(contract, windows=dataclasses.replace(contract.windows, key=("id",)))
    texts_of = [{"id": "S3", "note": "x "}, {"id": "S3 "}, {"id": " S3"}, {"id": " "}, {"id": "S3\u00a0"}]
    result = check(contract, *({**GOOD, **texts} for texts in texts_of))
    assert result.rejected["source_offset"].to_pylist() == [1, 3]
    assert reasons(result) == ["trailing_blank"] * 2
    trimmed = tuple(dataclasses.replace(c, trim=c.name == "id") for c in contract.columns)
    result = check(dataclasses.replace(contract, columns=trimmed), *({**GOOD, **texts} for texts in texts_of))
    assert result.accepted["id"].to_pylist() == ["S3", "S3", "S3", "", "S3\u00a0"]
    assert result.accepted["note"][0].as_py() == "x "


# --- what a contract says about values ---------------------------------------------------------------------------------


def changed(contract: Contract, name: str, **rules: Any) -> Contract:
    columns = (dataclasses.replace(c, **rules) if c.name == name else c for c in contract.columns)
    return dataclasses.replace(contract, columns=tuple(columns))


def test_texts_that_mean_no_value_are_none(contract: Contract) -> None:
    optional = changed(contract, "humidity", missing=("NA", "-200", "NaN"), required=False)
    texts = ["NA", "-200", "NaN", "40", "na", "-200.0"]
    result = check(optional, *({**GOOD, "humidity": text} for text in texts))
    assert result.accepted["humidity"].to_pylist() == [None, None, None, 40.0]
    assert reasons(result) == [Reason.WRONG_TYPE, Reason.OUT_OF_RANGE]
    assert result.present["humidity"] == 3


def test_a_required_value_that_means_no_value_is_missing_and_is_shown(contract: Contract) -> None:
    result = check(changed(contract, "humidity", missing=("-200",), required=True), {**GOOD, "humidity": "-200"})
    assert reasons(result) == [Reason.MISSING]
    (problem,) = json.loads(result.rejected["problems"][0].as_py())
    assert problem == {"column": "humidity", "rule": "missing", "value": "-200"}
    assert '"humidity":-200' in result.rejected["raw"][0].as_py()


def test_a_text_is_trimmed_before_it_means_no_value(contract: Contract) -> None:
    texts = text_feed(contract, missing=("", "-"), trim=True)
    result = check(texts, *({**GOOD, "label": label} for label in (" - ", "  ", "", "a-")))
    assert result.accepted["label"].to_pylist() == [None, None, None, "a-"]


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_a_word_of_a_message_that_means_no_value_is_none(contract: Contract, name: str) -> None:
    optional = changed(contract, "humidity", missing=(name,), required=False)
    raw = json.dumps({**GOOD, "humidity": 0}).replace('"humidity": 0', f'"humidity": {name}')
    assert check(optional, {**GOOD, "humidity": name, "raw": raw}).accepted["humidity"].to_pylist() == [None]
    assert reasons(check(contract, {"raw": raw})) == [Reason.NOT_FINITE]
    # Only the column that names the word takes it; elsewhere it is no number.
    elsewhere = {**GOOD, "temperature": name, "raw": raw.replace('"21.5"', name)}
    assert reasons(check(optional, elsewhere)) == [Reason.NOT_FINITE]


GERMAN = NumberFormat(decimal=",", thousands=".", suffix="°C")


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (GERMAN, "21,5 °C", 21.5),
        (GERMAN, "21,5\u00a0°C", 21.5),
        (GERMAN, "21.5", Reason.WRONG_TYPE),
        (GERMAN, "1.022,5", Reason.OUT_OF_RANGE),
        (GERMAN, "NaN", Reason.NOT_FINITE),
        (GERMAN, "1e400", Reason.NOT_FINITE),
        (GERMAN, "9" * 400, Reason.NOT_FINITE),
        (GERMAN, "", Reason.WRONG_TYPE),
        (GERMAN, "-", Reason.WRONG_TYPE),
        (GERMAN, "1.2.3", Reason.WRONG_TYPE),
        (GERMAN, "١٢", Reason.WRONG_TYPE),
        (GERMAN, None, Reason.MISSING),
        (NumberFormat(decimal=","), "1.022", Reason.WRONG_TYPE),
    ],
)
def test_numbers_are_read_in_the_form_of_their_column(
    contract: Contract, form: NumberFormat, text: str | None, expected: float | Reason
) -> None:
    result = check(changed(contract, "temperature", number=form), {**GOOD, "temperature": text})
    found = result.accepted["temperature"].to_pylist() or [Reason(reason) for reason in reasons(result)]
    assert found == [expected]
    if isinstance(expected, Reason):
        (problem,) = json.loads(result.rejected["problems"][0].as_py())
        assert problem["value"] == (text and text[:200])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234", 1234),
        ("+1.234 °C", 1234),
        ("12,0", Reason.WRONG_TYPE),
        ("12.34", Reason.WRONG_TYPE),
        ("", Reason.WRONG_TYPE),
        ("9" * 25, Reason.WRONG_TYPE),
        ("9.999.999.999", Reason.OUT_OF_RANGE),
    ],
)
def test_whole_numbers_are_read_in_the_form_of_their_column(
    contract: Contract, text: str, expected: int | Reason
) -> None:
    result = check(changed(contract, "sensor_id", number=GERMAN, maximum=None), {**GOOD, "sensor_id": text})
    found = result.accepted["sensor_id"].to_pylist() or [Reason(reason) for reason in reasons(result)]
    assert found == [Reason.OUT_OF_RANGE if text.startswith("9" * 25) else expected]


def combined(contract: Contract, **rules: Any) -> Contract:
    """The feed with its time in two columns."""
    when = Column("timestamp", "timestamp", required=True, combine=("day", "hour"), formats=("%d.%m.%Y %H:%M",))
    columns = [when if column.name == "timestamp" else column for column in contract.columns]
    parts = (Column("day", "text", missing=("-",)), Column("hour", "text", trim=True))
    return dataclasses.replace(contract, columns=(*columns, *parts), **rules)


def test_a_time_is_joined_from_other_columns_and_is_in_no_file(contract: Contract) -> None:
    contract = combined(contract)
    assert "timestamp" not in EvolvedContract.of(contract).file_columns
    values = {name: text for name, text in GOOD.items() if name != "timestamp"}
    rows = [("15.06.2025", " 09:12 "), ("-", "09:12"), (None, "09:12"), ("15.06.2025", None), ("15.06.2025", "25:00")]
    result = check(contract, *({**values, "day": day, "hour": hour} for day, hour in rows))
    (good,) = result.accepted.to_pylist()
    assert good["timestamp"] == datetime(2025, 6, 15, 9, 12, tzinfo=UTC)
    assert (good["day"], good["hour"]) == ("15.06.2025", "09:12")
    assert reasons(result) == [Reason.MISSING, Reason.MISSING, Reason.MISSING, Reason.BAD_TIME]
    (problem,) = json.loads(result.rejected["problems"][3].as_py())
    assert (problem["column"], problem["value"]) == ("timestamp", "15.06.2025 25:00")
    assert json.loads(result.rejected["raw"][3].as_py()) == {
        "sensor_id": 1, "temperature": 21.5, "humidity": 40, "day": "15.06.2025", "hour": "25:00",
    }  # fmt: skip


def test_a_time_is_joined_from_the_rows_own_texts_where_the_file_lacks_the_columns(contract: Contract) -> None:
    raw = json.dumps({"sensor_id": 1, "temperature": 1, "humidity": 1, "day": "15.06.2025", "hour": "09:12"})
    where = {"source_partition": "0", "source_offset": "5", "source_item": "0", "raw": raw}
    chunk = pa.record_batch({name: pa.array([value], pa.string()) for name, value in where.items()})
    result = validate(chunk, combined(contract), now=NOW)
    assert result.accepted["timestamp"].to_pylist() == [datetime(2025, 6, 15, 9, 12, tzinfo=UTC)]
    replaced = validate(chunk, combined(contract), now=NOW, changes={"hour": "10:00"})
    assert replaced.accepted["timestamp"].to_pylist() == [datetime(2025, 6, 15, 10, 0, tzinfo=UTC)]
    whole = validate(chunk, combined(contract), now=NOW, changes={"timestamp": "01.01.2025 00:00"})
    assert whole.accepted["timestamp"].to_pylist() == [datetime(2025, 1, 1, tzinfo=UTC)]


def test_a_column_that_is_combined_since_takes_nothing_from_an_older_file(contract: Contract) -> None:
    where = {"source_partition": "0", "source_offset": "5", "source_item": "0", "source_time": "", "raw": None}
    chunk = pa.record_batch({n: pa.array([v], pa.string()) for n, v in {**GOOD, **where}.items()})
    result = validate(chunk, combined(contract), now=NOW, paths={name: (name,) for name in GOOD})
    assert reasons(result) == [Reason.MISSING]
    assert json.loads(result.rejected["raw"][0].as_py())["timestamp"] == GOOD["timestamp"]


def beside(contract: Contract) -> Contract:
    """The feed with its sensor in the message's key, and the message's time in Kafka."""
    columns = [dataclasses.replace(c, origin="key") if c.name == "sensor_id" else c for c in contract.columns]
    return dataclasses.replace(contract, columns=(*columns, Column("sent", "timestamp", origin="broker_time")))


SENT = "2025-06-15T09:12:02.000Z"


def test_what_is_beside_a_message_is_taken_from_the_file_and_never_from_the_message(contract: Contract) -> None:
    raw = json.dumps({**GOOD, "sensor_id": "9", "sent": "never"})
    rows = [{**GOOD, "sent": SENT}, {**GOOD, "sent": SENT, "raw": raw}, {**GOOD, "sensor_id": None, "raw": raw}]
    result = check(beside(contract), *rows)
    assert result.accepted["sensor_id"].to_pylist() == [1, 1]
    assert result.accepted["sent"].to_pylist() == [datetime(2025, 6, 15, 9, 12, 2, tzinfo=UTC)] * 2
    assert reasons(result) == [Reason.MISSING]
    assert dict(result.unknown) == {"sensor_id": 2, "sent": 2}


def test_a_rejected_row_keeps_what_was_beside_its_message(contract: Contract) -> None:
    of_key = {"sensor_id": "7", "sent": SENT}
    bad = {**GOOD, **of_key, "temperature": "x"}
    result = check(beside(contract), bad, {**of_key, "raw": "broken"}, {"raw": "broken"})
    kept = [json.loads(text) if text else None for text in result.rejected["beside_message"].to_pylist()]
    assert kept == [{"key": "7", "broker_time": SENT}] * 2 + [None]
    assert reasons(result) == [Reason.WRONG_TYPE, Reason.NOT_JSON, Reason.NOT_JSON]
    assert json.loads(result.rejected["raw"][0].as_py()).keys() == {"temperature", "humidity", "timestamp"}
    assert "beside_message" not in check(contract, bad).rejected.column_names


def test_a_message_that_was_not_split_is_told_by_its_own_columns_alone(contract: Contract) -> None:
    raw = json.dumps({**GOOD, "temperature": 1})
    assert reasons(check(beside(contract), {"sensor_id": "7", "raw": raw})) == [Reason.NOT_JSON]


def test_what_was_beside_a_message_is_found_by_where_it_was(contract: Contract) -> None:
    where = {"source_partition": "0", "source_offset": "5", "source_item": "0", "source_time": "", "raw": None}
    values = {**GOOD, "device": "7"}
    chunk = pa.record_batch({n: pa.array([v], pa.string()) for n, v in {**values, **where}.items()})
    then = {name: (name,) for name in GOOD} | {"device": ("[]", "key")}
    renamed = validate(chunk, beside(contract), now=NOW, paths=then)
    assert renamed.accepted["sensor_id"].to_pylist() == [7]
    # The message's own value is in a column of the file that the contract does not name any more.
    assert list(renamed.unknown.values()) == [1]
    # A column that is in the message since is not filled with the key of that time.
    back = validate(chunk, contract, now=NOW, paths={**then, "sensor_id": ("[]", "key")})
    assert reasons(back) == [Reason.MISSING]
    assert json.loads(back.rejected["raw"][0].as_py()).keys() == {"temperature", "humidity", "timestamp"}


@pytest.mark.parametrize("unknown_keys", ["freeze", "discard", "evolve"])
def test_what_was_beside_a_message_is_no_key_of_it_when_the_contract_no_longer_names_it(
    contract: Contract, unknown_keys: Any
) -> None:
    names = {**GOOD, "device": "7", "seen": SENT, "battery": None}
    where = {"source_partition": "0", "source_offset": "5", "source_item": "0", "source_time": "", "raw": None}
    chunk = pa.record_batch({n: pa.array([v], pa.string()) for n, v in {**names, **where}.items()})
    then = {n: (n,) for n in GOOD} | {"device": ("[]", "key"), "seen": ("[]", "broker_time")}
    strict = dataclasses.replace(contract, unknown_keys=unknown_keys)
    result = validate(chunk, strict, now=NOW, paths=then)
    assert (reasons(result), dict(result.unknown), result.accepted.num_rows) == ([], {}, 1)
    # A key of the message that is called like it is one; and so is a column that was in the message.
    raw = json.dumps({**GOOD, "device": 5})
    own = validate(
        chunk.set_column(chunk.schema.get_field_index("raw"), "raw", pa.array([raw])), strict, now=NOW, paths=then
    )
    assert dict(own.unknown) == {"device": 1}
    inside = validate(chunk, strict, now=NOW, paths={**then, "device": ("device",)})
    assert dict(inside.unknown) == {"device": 1}
    expected = [Reason.UNKNOWN_KEY] if unknown_keys == "discard" else []
    assert reasons(own) == reasons(inside) == expected


def all_beside(contract: Contract) -> Contract:
    """The feed with all that it requires beside its messages: the sensor in the key, the event time in Kafka."""
    columns = (
        Column("sensor_id", "integer", required=True, origin="key"),
        Column("sent", "timestamp", required=True, origin="broker_time"),
        Column("temperature", "double"),
        Column("site", "text", required=True, constant="attic"),
    )
    return dataclasses.replace(
        contract, columns=columns, primary_key=(), event_time=EventTime("sent"), sensor=("sensor_id",), windows=None
    )


BESIDE: dict[str, str | None] = {"sensor_id": "7", "sent": SENT}


@pytest.mark.parametrize("changes", [{}, {"sensor_id": "8"}, {"site": "cellar"}])
@pytest.mark.parametrize(
    ("form", "raw", "reason"),
    [
        (JsonObjects(), '{"temperature": 231.', Reason.NOT_JSON),
        (JsonObjects(), "restarted", Reason.NOT_JSON),
        (JsonObjects(), r"\null", Reason.TOMBSTONE),
        (JsonObjects(), "[1]", Reason.NOT_OBJECT),
        (AvroRecords(), r"\x00000000070231", Reason.NOT_AVRO),
        (AvroRecords(), r"\null", Reason.TOMBSTONE),
    ],
)
def test_a_broken_message_is_rejected_also_where_all_that_is_required_is_beside_it(
    contract: Contract, changes: dict[str, str], form: RecordFormat, raw: str, reason: Reason
) -> None:
    feed = dataclasses.replace(all_beside(contract), source=KafkaTopic("sensors", form))
    result = check(feed, {**BESIDE, "raw": raw}, {**BESIDE, "temperature": "21.5"}, changes=changes)
    assert (reasons(result), result.accepted["temperature"].to_pylist()) == ([reason], [21.5])
    # A value that a user gives is a reading.
    given = check(feed, {**BESIDE, "raw": raw}, changes={**changes, "temperature": "20"})
    assert (reasons(given), given.accepted["temperature"].to_pylist()) == ([], [20.0])


def test_a_constant_is_in_no_file_and_takes_nothing_from_an_older_one(contract: Contract) -> None:
    columns = (*contract.columns, Column("site", "text", required=True, constant="attic"))
    result = check(dataclasses.replace(contract, columns=columns), {**GOOD, "site": "x"}, GOOD)
    assert result.accepted["site"].to_pylist() == ["attic", "attic"]
    assert reasons(result) == []


@pytest.mark.parametrize(("added", "found"), [(True, []), (False, [Reason.WRONG_TYPE])])
def test_an_object_is_the_text_of_a_column_that_the_feed_has_gained_alone(
    contract: Contract, added: bool, found: list[Reason]
) -> None:
    evolved = EvolvedContract.of(
        dataclasses.replace(contract, unknown_keys="evolve"), [Column("site", "text", added=added)]
    )
    raw = json.dumps({"sensor_id": 1, "temperature": 21.5, "timestamp": "2025-06-15 09:12:01", "site": {"a": [1]}})
    result = check(evolved, {**GOOD, "site": '{"a":[1]}', "raw": raw})
    assert reasons(result) == found
    assert result.accepted["site"].to_pylist() == ([] if found else ['{"a":[1]}'])
