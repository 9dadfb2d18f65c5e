"""The simulator that makes readings from a contract alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.model import ISO8601, ITEMS, ROOT, Column, Contract, Fleet, NumberFormat
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ConfigurationError
from etl.jobs.consume.files.message_rows import split_messages
from etl.jobs.produce.avro_messages import as_avro, record_schema
from etl.jobs.produce.simulate import DEFAULT_START, csv_header, span
from etl.settings import Settings
from etl.storage.schema_registry import SchemaRegistry
from etl.validation.decoding.avro import AvroDecoder
from etl.validation.validate import validate
from tests.support.beside import validated
from tests.support.registry import Registry
from tests.support.simulated import CONTRACTS, made, require_good


@pytest.mark.parametrize("feed", CONTRACTS)
def test_a_contract_without_simulator_gets_readings_that_meet_it(feed: str) -> None:
    contract = replace(CONTRACTS[feed], feed="mine")
    require_good(contract, made(contract, 2_000))
    assert span(contract, 1_000) > timedelta(seconds=30)


def test_made_up_readings_of_a_contract_have_bad_ones_among_them() -> None:
    contract = replace(CONTRACTS["raw_iot"], feed="mine")
    clean, spoiled = made(contract, 3_000), made(contract, 3_000, bad_share=0.1)
    assert sum(a != b for a, b in zip(clean, spoiled, strict=True)) == pytest.approx(300, abs=15)
    assert len({message.value for message in spoiled}) < 3_000


def test_nested_arrays_and_foreign_csv_dialects_are_made_up_too() -> None:
    base = CONTRACTS["raw_iot"]
    paths = {"sensor_id": ("site", "gates", ITEMS, "sensors", ITEMS, "id"), "timestamp": ("site", "at")}
    nested = replace(
        base,
        feed="mine",
        explode=(("site", "gates"), ("sensors",)),
        columns=tuple(replace(c, path=paths.get(c.name, ())) for c in base.columns),
    )
    document = json.loads(made(nested, 1)[0].value or b"")
    assert [s["id"] for s in document["site"]["gates"][0]["sensors"]] == ["sensor_id-1", "sensor_id-2"]
    german = replace(
        base, feed="mine", source=LandingFolder("in", CsvLines(CsvDialect(delimiter=";", encoding="latin-1")))
    )
    assert csv_header(german) == b"sensor_id;temperature;humidity;energy;timestamp"
    assert (made(german, 1)[0].value or b"").count(b";") == 4


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-16"])
def test_bad_lines_of_any_encoding_are_made_up_too(encoding: str) -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine")
    unit = NumberFormat(suffix="°C")
    columns = tuple(replace(c, number=unit) if c.name == "temperature" else c for c in base.columns)
    dialect = CsvDialect(delimiter=";", encoding=encoding)
    contract = replace(base, columns=columns, source=LandingFolder("in", CsvLines(dialect)))
    good, bad = made(contract, 100), made(contract, 100, bad_share=1)
    assert sum(a.value != b.value for a, b in zip(good, bad, strict=True)) > 50
    lines = [(message.value or b"").decode(dialect.raw_encoding) for message in bad]
    assert {line.count(";") for line in lines} == {1, 4}
    assert sum(" °C;" in line for line in lines) > 50


def test_times_are_written_as_the_contract_says_and_stay_apart() -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine", fleet=Fleet(10, 2.5))
    start = DEFAULT_START.replace(hour=7, minute=31, second=47)
    for form in ("epoch_milliseconds", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d"):
        contract = replace(base, event_time=replace(base.event_time, formats=(form,)))
        require_good(contract, made(contract, 300, start=start))


def test_each_time_has_its_own_format_and_a_combined_one_is_in_its_parts() -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine")
    parts = (
        Column("day", "text", required=True),
        Column("clock", "text", required=True),
        Column("seen", "timestamp", formats=("epoch_milliseconds",)),
    )
    for form, message in (
        ("%d.%m.%Y %H:%M:%S", b'"day":"15.06.2025","clock":"00:00:'),
        ("iso8601", b'"day":"2025-06-15","clock":"00:00:'),
    ):
        combined = replace(base.column("timestamp"), combine=("day", "clock"), formats=(form,))
        others = tuple(column for column in base.columns if column.name != "timestamp")
        contract = replace(base, columns=(*others, *parts, combined))
        messages = made(contract, 300)
        assert message in (messages[0].value or b"")
        assert b'"timestamp"' not in (messages[0].value or b"")
        assert json.loads(messages[0].value or b"")["seen"] > 1_749_900_000_000
        (chunk,) = split_messages(enumerate(message.value or b"" for message in messages), contract, 0)
        # What the loader would reject keeps its text.
        assert chunk.table["raw"].null_count == 300


def test_a_sensor_beside_the_message_is_not_in_it() -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine")
    for change in ({"origin": "key"}, {"constant": "7"}):
        sensor = replace(base.column("sensor_id"), **change)  # type: ignore[arg-type]
        contract = replace(base, columns=tuple(sensor if c.name == "sensor_id" else c for c in base.columns))
        (message,) = made(contract, 1)
        assert b"sensor_id" not in (message.value or b"")
        assert message.key


def test_a_pattern_that_cannot_be_met_is_named() -> None:
    base = CONTRACTS["raw_iot"]
    column = replace(base.columns[0], pattern=r"[A-F]{2}\d+")
    contract = replace(base, feed="mine", columns=(column, *base.columns[1:]))
    with pytest.raises(ConfigurationError, match="'sensor_id': no values can be generated"):
        made(contract, 1)


def test_what_a_contract_says_about_values_and_messages_holds_for_made_up_ones_too() -> None:
    base = replace(CONTRACTS["raw_iot"], feed="mine")
    path = ("$", "[]")
    columns = [replace(column, path=(*path, column.name)) for column in base.columns if column.name != "timestamp"]
    temperature = next(column for column in columns if column.name == "temperature")
    columns[columns.index(temperature)] = replace(temperature, number=NumberFormat(",", "."))
    when = Column("timestamp", "timestamp", required=True, combine=("day", "clock"), formats=("%d.%m.%Y %I:%M:%S %p",),
                  timezone="Europe/Berlin")  # fmt: skip
    parts = [Column(name, "text", path=(*path, name)) for name in ("day", "clock")]
    seen = Column("seen", "timestamp", path=(*path, "seen"), formats=("epoch_nanoseconds",))
    contract = replace(base, columns=(*columns, when, *parts, seen), explode=(("$",),))
    raw = [(message.value or b"").decode() for message in made(contract, 200)]
    where = {"source_partition": ["0"] * len(raw), "source_offset": [*map(str, range(len(raw)))]}
    chunk = pa.record_batch({**where, "source_item": ["1"] * len(raw), "raw": raw})
    checked = validate(chunk, contract, now=datetime(2100, 1, 1, tzinfo=UTC))
    assert (checked.accepted.num_rows, checked.rejected.num_rows) == (len(raw), 0)
    assert checked.accepted["timestamp"].to_pylist()[0].date() == DEFAULT_START.date()
    assert not checked.unknown


BASE = replace(CONTRACTS["raw_iot"], feed="mine")


def changed(contract: Contract = BASE, /, **columns: dict[str, Any]) -> Contract:
    """The contract with other properties of some of its columns."""
    return replace(contract, columns=tuple(replace(c, **columns.get(c.name, {})) for c in contract.columns))


LISTED: dict[str, Any] = {name: {"path": (ROOT, ITEMS, name)} for name in BASE.column_names}
CHANGES: dict[str, Any] = {name: {"path": ("payload", "after", name)} for name in BASE.column_names}
PARTS = (Column("day", "text", required=True), Column("clock", "text", required=True), Column("seen", "timestamp"))
SHAPES = {
    "beside": changed(
        sensor_id={"origin": "key"},
        timestamp={"origin": "broker_time", "formats": (ISO8601,)},
        energy={"origin": "header:energy"},
        humidity={"required": False},
    ),
    "array": replace(changed(**LISTED), explode=((ROOT,),)),
    "envelope": replace(changed(**CHANGES), envelope=("payload", "after")),
    "numbers": changed(
        temperature={"number": NumberFormat(",", ".", "°C")},
        energy={"number": NumberFormat(thousands="'", suffix="W")},
    ),
    "combined": replace(
        changed(
            replace(BASE, columns=(*BASE.columns, *PARTS)),
            timestamp={"combine": ("day", "clock"), "formats": ("%d.%m.%Y %I:%M:%S %p",), "timezone": "Europe/Berlin"},
            seen={"formats": ("epoch_nanoseconds",)},
        ),
        event_time=replace(BASE.event_time, formats=("%Y",)),
    ),
    "epochs": changed(timestamp={"formats": ("epoch_milliseconds", "epoch_seconds")}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_readings_fit_whatever_a_contract_can_say(shape: str) -> None:
    contract = SHAPES[shape]
    messages = made(contract, 500)
    found = validated(contract, messages)
    assert found.rejected.to_pylist() == []
    assert found.accepted.num_rows == 500 * (2 if contract.explode else 1)
    assert not found.unknown
    keys = {tuple(row.values()) for row in found.accepted.select(list(contract.primary_key)).to_pylist()}
    assert len(keys) == found.accepted.num_rows
    spoiled = validated(contract, made(contract, 500, bad_share=0.2))
    assert 20 < spoiled.rejected.num_rows < 200


@pytest.mark.parametrize("shape", SHAPES)
def test_readings_are_avro_where_the_feed_is(shape: str, settings: Settings) -> None:
    source = KafkaTopic("mine", AvroRecords())
    contract = replace(SHAPES[shape], source=source)
    with Registry().up() as registry:
        settings = settings.model_copy(update={"schema_registry": registry.url})
        encode, client = as_avro(settings, contract), SchemaRegistry.of(settings)
        records = [message for chunk in encode(iter([made(contract, 50)])) for message in chunk]
        decode = AvroDecoder(client.schema)
        messages = [replace(message, value=decode(message.value or b"")) for message in records]
    assert registry.asked[0] == "/subjects/mine-simulated/versions"
    assert validated(contract, messages).rejected.to_pylist() == []


def test_avro_needs_a_registry_and_keys_that_it_knows(settings: Settings) -> None:
    contract = replace(BASE, source=KafkaTopic("mine", AvroRecords()))
    with pytest.raises(ConfigurationError, match="ETL_SCHEMA_REGISTRY is not set"):
        as_avro(settings, contract)
    with pytest.raises(ConfigurationError, match="'out/in' cannot be a key of a record"):
        record_schema(changed(humidity={"path": ("out/in",)}))


def test_a_time_that_does_not_fit_its_columns_is_named() -> None:
    contract = changed(SHAPES["combined"], timestamp={"formats": ("%d.%m.%Y",)})
    with pytest.raises(ConfigurationError, match="cannot be divided among day, clock"):
        made(contract, 1)
