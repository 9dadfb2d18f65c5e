"""What a contract would do with records is what the loader does with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from etl.contract.model import Contract
from etl.contract.rules.anomalies import AnomalyRules
from etl.operations.feeds.trial import Rejection, TriedRows, as_json, try_rows

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
BEGIN = datetime(2025, 6, 15, 9, tzinfo=UTC)


def rows(contract: Contract, *readings: dict[str, str | None]) -> TriedRows:
    columns = {name: [reading.get(name) for reading in readings] for name in contract.read_names}
    place = {
        "source_partition": ["0"] * len(readings),
        "source_offset": [str(number) for number in range(len(readings))],
        "source_item": ["0"] * len(readings),
        "raw": [None] * len(readings),
    }
    texts = {name: pa.array(values, pa.string()) for name, values in {**columns, **place}.items()}
    return TriedRows(pa.table(texts), {}, len(readings))


def reading(sensor: int, seconds: int, temperature: str | None = "20.0", humidity: str = "40") -> dict[str, str | None]:
    time = f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    return {"sensor_id": str(sensor), "temperature": temperature, "humidity": humidity, "timestamp": time}


def test_rows_are_loaded_rejected_repeated_and_conflicting(contract: Contract) -> None:
    tried = try_rows(
        contract,
        [
            rows(contract, reading(1, 0), reading(1, 1, "n/a"), reading(1, 2, "--"), reading(1, 3, "n/a")),
            rows(contract, reading(1, 0), reading(1, 0, "21.0"), reading(2, 0), reading(2, 1, None)),
        ],
        now=NOW,
    )
    assert (tried.readings, tried.loaded, tried.duplicate, tried.conflicting, tried.rejected) == (8, 2, 1, 1, 4)
    wrong, missing = tried.rejections
    assert (wrong.reason, wrong.column, wrong.rows, wrong.examples) == ("wrong_type", "temperature", 3, ("n/a", "--"))
    assert wrong.words == "temperature is no number"
    assert "logicalType: number" in wrong.line
    assert (missing.reason, missing.column, missing.examples) == ("missing", "temperature", ())
    assert tried.good_share == 3 / 8
    assert not tried.fits
    assert as_json(tried)["rejections"][0]["rows"] == 3


@pytest.mark.parametrize(("on_conflict", "fits"), [("quarantine", False), ("keepFirst", True), ("keepLast", True)])
def test_conflicting_rows_fit_where_the_contract_says_what_becomes_of_them(
    contract: Contract, on_conflict: str, fits: bool
) -> None:
    contract = replace(contract, on_conflict=on_conflict)  # type: ignore[arg-type]
    tried = try_rows(contract, [rows(contract, reading(1, 0), reading(1, 0, "21.0"))], now=NOW)
    assert (tried.conflicting, tried.fits) == (1, fits)


def test_nineteen_of_twenty_are_enough(contract: Contract) -> None:
    good = [reading(1, second) for second in range(19)]
    assert try_rows(contract, [rows(contract, *good, reading(1, 20, "bad"))], now=NOW).fits
    assert not try_rows(contract, [rows(contract, *good[1:], reading(1, 20, "bad"))], now=NOW).fits


@pytest.mark.parametrize(("deletes", "fits"), [(9, True), (10, False)])
def test_deletes_do_not_count_as_long_as_most_messages_have_a_reading(
    contract: Contract, deletes: int, fits: bool
) -> None:
    tried = try_rows(contract, [rows(contract, *(reading(1, second) for second in range(10)))], now=NOW)
    without = Rejection("no_reading", None, deletes, (), "", "")
    assert replace(tried, readings=10 + deletes, rejections=(without,)).fits is fits


def test_windows_times_sensors_and_late_readings_are_counted(contract: Contract) -> None:
    late = int(contract.lateness_seconds) + 1
    sample = [reading(1, 0), reading(2, 10_000), reading(1, 10_000 - late), reading(2, 10_000 - late + 2)]
    tried = try_rows(contract, [rows(contract, *sample)], now=NOW)
    assert (tried.first, tried.last) == (BEGIN, BEGIN + timedelta(seconds=10_000))
    assert (tried.sensors, tried.late) == (2, 1)
    assert contract.windows is not None
    measures = len(contract.windows.measures)
    places = {size: {(r["sensor_id"], _start(r, seconds)) for r in sample} for size, seconds in contract.windows.sizes}
    assert tried.windows == {f"sensor_data_{size}": measures * len(starts) for size, starts in places.items()}


def _start(one: dict[str, str | None], seconds: int) -> int:
    return int(datetime.fromisoformat(f"{one['timestamp']}+00:00").timestamp()) // seconds


def test_anomalies_are_counted_by_kind_where_the_contract_looks_for_them(contract: Contract) -> None:
    rules = AnomalyRules(("temperature",), minimum=10, trailing=60, gap_seconds=1000.0, block_seconds=60.0)
    noise = [reading(1, 10 * n, f"{20 + (n * 7 % 5) / 10}") for n in range(100)]
    sample = rows(contract, *noise, reading(1, 1_000, "39.9"), reading(1, 5_000, "20.1"))
    with_rules = try_rows(replace(contract, anomalies=rules), [sample], now=NOW)
    assert with_rules.anomalies == {"outlier": 1, "gap": 1}
    assert try_rows(replace(contract, anomalies=None), [sample], now=NOW).anomalies is None


def test_keys_that_the_contract_does_not_name_are_counted(contract: Contract) -> None:
    sample = rows(contract, reading(1, 0), reading(1, 1))
    more = TriedRows(sample.table.append_column("colour", pa.array(["red", None])), {}, 2)
    assert try_rows(contract, [more], now=NOW).unknown == {"colour": 1}


def test_of_many_unknown_keys_the_number_is_known(contract: Contract) -> None:
    sample = rows(contract, reading(1, 0), reading(1, 1))
    table = sample.table
    for number in range(30):
        table = table.append_column(f"more_{number}", pa.array(["x", "y" if number == 7 else None]))
    tried = try_rows(contract, [TriedRows(table, {}, 2)], now=NOW)
    assert next(iter(tried.unknown.items())) == ("more_7", 2)
    assert (len(tried.unknown), tried.unknown_left) == (20, 10)


def test_a_sample_without_records_does_not_fit(contract: Contract) -> None:
    for chunks in ([], [rows(contract)]):
        tried = try_rows(contract, chunks, now=NOW)
        assert (tried.readings, tried.fits, tried.first) == (0, False, None)
        assert set(tried.windows.values()) == {0}
