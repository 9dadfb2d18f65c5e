from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.rules.anomalies import AnomalyRules
from etl.errors import ConfigurationError, PermanentError
from etl.jobs.load.derived.detect import context_readings, context_start, find

START = datetime(2025, 6, 15, tzinfo=UTC)
RULES = AnomalyRules(measures=("temperature",), stuck_seconds=600, stuck_readings=30, gap_seconds=100)
Row = tuple[object, datetime, float | None, bool]


def table(rows: Sequence[Row], key: str = "sensor_id") -> pa.Table:
    sensors, times, values, new = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            key: pa.array(sensors, pa.int64() if all(isinstance(one, int) for one in sensors) else pa.string()),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "temperature": pa.array(values, pa.float64()),
            "is_new": pa.array(new, pa.bool_()),
        }
    )


def readings(values: Sequence[float | None], sensor: object = 1, seconds: float = 10.0, new_from: int = 0) -> list[Row]:
    """A sensor's readings at even intervals; those before `new_from` are context."""
    return [(sensor, START + timedelta(seconds=seconds * i), v, i >= new_from) for i, v in enumerate(values)]


def noise(count: int, seed: int = 7, centre: float = 20.0) -> list[float]:
    """Temperatures as a sensor with two decimals gives them."""
    values: list[float] = np.random.RandomState(seed).normal(centre, 0.3, count).round(2).tolist()
    return values


def judge(rows: Sequence[Row], rules: AnomalyRules = RULES) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = find(
        table(rows), rules, key=("sensor_id",), time="timestamp", measures=("temperature",)
    ).to_pylist()
    return found


def test_a_spike_is_an_outlier_with_what_was_expected() -> None:
    values = noise(400)
    values[300] = 26.0
    (found,) = judge(readings(values))
    assert found["kind"] == "outlier"
    assert (found["sensor_id"], found["measure"], found["value"]) == (1, "temperature", 26.0)
    assert found["event_time"] == START + timedelta(seconds=3000)
    assert 17.5 < found["expected_low"] < 19.5 < 20.5 < found["expected_high"] < 22.5
    centre, reach = (
        found["expected_high"] / 2 + found["expected_low"] / 2,
        found["expected_high"] - found["expected_low"],
    )
    assert found["score"] == pytest.approx(abs(26.0 - centre) / (reach / 2 / RULES.threshold))


def test_the_score_is_that_of_iglewicz_and_hoaglin() -> None:
    values = [*noise(120), 30.0]
    median = np.median(values[:120])
    mad = np.median([abs(value - median) for value in values[:120] if value != median])
    (found,) = judge(readings(values), replace(RULES, block_seconds=1200))
    assert found["score"] == pytest.approx(abs(30.0 - median) / (1.4826 * mad))


def test_a_level_shift_is_called_until_it_is_the_new_level() -> None:
    found = judge(readings([*noise(300), *noise(300, seed=8, centre=25.0)]))
    assert found[0]["event_time"] == START + timedelta(seconds=3000)
    assert {one["kind"] for one in found} == {"outlier"}
    assert 30 < len(found) <= 120


def test_clean_readings_give_almost_none() -> None:
    rows = [row for sensor in range(20) for row in readings(noise(5000, seed=sensor), sensor)]
    assert len(judge(rows)) <= 3, "of 100,000"


def test_a_sensor_in_whole_degrees_may_move_by_a_step_or_two() -> None:
    values = [20.0] * 150 + [21.0] * 10 + [20.0] * 40 + [22.0] + [20.0] * 20
    assert judge(readings(values), replace(RULES, stuck_seconds=None)) == []
    values[210] = 26.0
    assert [one["value"] for one in judge(readings(values), replace(RULES, stuck_seconds=None))] == [26.0]


def test_a_resolution_says_which_steps_are_nothing_unusual() -> None:
    values = [*noise(200), 23.0, *noise(50)]
    assert len(judge(readings(values))) == 1
    assert judge(readings(values), replace(RULES, resolution=2.0)) == []


def test_a_stuck_sensor_is_reported_once_when_it_has_been_so_for_long_enough() -> None:
    found = judge(readings([*noise(100), *[20.5] * 400, *noise(10, seed=9)]))
    assert [one["kind"] for one in found] == ["stuck"]
    assert found[0]["event_time"] == START + timedelta(seconds=1000 + 600)
    assert (found[0]["value"], found[0]["expected_low"], found[0]["expected_high"]) == (20.5, None, None)
    assert found[0]["score"] == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_stuck_needs_both_the_time_and_the_readings(seconds: float) -> None:
    rules = replace(RULES, gap_seconds=None)
    (found,) = judge(readings([20.5] * 700, seconds=seconds), rules)
    assert found["event_time"] == START + timedelta(seconds=600 if seconds == 1 else 29 * 60)


def test_a_null_or_a_long_silence_ends_a_run_of_equal_values() -> None:
    assert judge(readings([20.5] * 50 + [None] + [20.5] * 50)) == []
    before = readings([20.5] * 50)
    after = [(s, when + timedelta(hours=1), value, new) for s, when, value, new in before]
    assert [one["kind"] for one in judge(before + after)] == ["gap"]


def test_without_a_rule_neither_equal_values_nor_silence_are_unusual() -> None:
    rows = readings([20.5] * 500)
    late = [(s, when + timedelta(days=1), value, new) for s, when, value, new in rows]
    assert judge(rows + late, AnomalyRules(("temperature",))) == []


def test_a_gap_is_reported_at_the_reading_after_it() -> None:
    rows = readings(noise(100))
    del rows[40:60]
    (found,) = judge(rows)
    assert (found["kind"], found["measure"]) == ("gap", "timestamp")
    assert found["event_time"] == START + timedelta(seconds=600)
    assert (found["value"], found["expected_low"], found["expected_high"], found["score"]) == (210.0, 0.0, 100.0, 2.1)


def test_a_gap_of_exactly_the_limit_is_none() -> None:
    rows = readings(noise(100), seconds=100)
    assert judge(rows) == []


def test_after_a_gap_the_baseline_starts_again() -> None:
    rows = readings(noise(100))
    later: list[Row] = [
        (1, when + timedelta(hours=6), value, new) for _, when, value, new in readings(noise(100, seed=8, centre=25.0))
    ]
    assert [one["kind"] for one in judge(rows + later)] == ["gap"]
    without = judge(rows + later, replace(RULES, gap_seconds=None))
    assert {one["kind"] for one in without} == {"outlier"}, "with the old baseline the new level is all wrong"


def test_the_first_readings_get_no_verdict() -> None:
    values = noise(200)
    values[20] = 90.0
    assert judge(readings(values)) == []


def test_nulls_are_neither_judged_nor_counted() -> None:
    values: list[float | None] = [value if i % 2 else None for i, value in enumerate(noise(400))]
    values[301] = 26.0
    assert [one["value"] for one in judge(readings(values))] == [26.0]
    assert judge(readings([None] * 200)) == []
    few: list[float | None] = [value if i % 5 == 0 else None for i, value in enumerate(noise(400))]
    few[300] = 26.0
    assert judge(readings(few)) == [], "24 of 120 readings have a value: fewer than the minimum"


def test_numbers_that_are_not_finite_are_no_values() -> None:
    values = [*noise(200), float("inf"), float("nan"), *noise(50)]
    assert judge(readings(values)) == []


def test_a_single_reading_no_reading_and_a_constant_sensor_give_nothing() -> None:
    assert judge(readings([20.0])) == []
    assert judge([]) == []
    assert judge(readings([20.0] * 500), replace(RULES, stuck_seconds=None)) == []


def test_what_a_sensor_that_was_stuck_says_next_is_no_outlier() -> None:
    rows = readings([*noise(100), *[20.5] * 400, *noise(300, seed=9, centre=21.0)])
    assert [one["kind"] for one in judge(rows)] == ["stuck"]


def test_only_new_readings_are_judged() -> None:
    values = noise(400)
    values[200] = values[350] = 26.0
    assert [one["event_time"] for one in judge(readings(values, new_from=300))] == [START + timedelta(seconds=3500)]


def test_sensors_do_not_share_a_baseline_and_keep_their_order() -> None:
    cold, warm = noise(300, centre=0.0), noise(300, seed=8, centre=40.0)
    cold[250] = warm[200] = 20.0
    found = judge([*readings(warm, 9), *readings(cold, 2)])
    assert [one["sensor_id"] for one in found] == [9, 2], "the order of the readings"


def test_a_sensor_may_be_named_by_several_columns_of_any_type() -> None:
    values = noise(300)
    values[200] = 26.0
    one = table([*readings(noise(300, seed=1), "a"), *readings(values, "a")], key="room")
    both = one.append_column("place", pa.array(["in"] * 300 + [None] * 300, pa.string()))
    found = find(both, RULES, key=("room", "place"), time="timestamp", measures=("temperature",))
    assert found.select(["room", "place", "value"]).to_pylist() == [{"room": "a", "place": None, "value": 26.0}]
    assert found.schema.field("room").type == pa.string()


def test_the_result_has_the_same_columns_when_there_is_nothing() -> None:
    found = find(table([]), RULES, key=("sensor_id",), time="timestamp", measures=("temperature",))
    assert found.schema.names == [
        "sensor_id", "measure", "event_time", "value", "expected_low", "expected_high", "score", "kind",
    ]  # fmt: skip
    assert found.schema.field("event_time").type == pa.timestamp("us", "UTC")
    assert found.schema.field("value").type == pa.float64()


def test_a_second_judgement_is_the_same() -> None:
    values = noise(1000, seed=3)
    values[500] = values[700] = 30.0
    first, second = judge(readings(values)), judge(readings(values))
    assert first == second
    assert len(first) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (readings(noise(3))[::-1], "first at row 1"),
        ([*readings(noise(3), 1), *readings(noise(3), 2), *readings(noise(3), 1)], "are not together"),
    ],
)
def test_readings_that_are_not_in_order_are_refused(rows: list[Row], message: str) -> None:
    with pytest.raises(PermanentError, match=message) as error:
        judge(rows)
    assert "Sort them by sensor_id, timestamp" in str(error.value)


def test_readings_without_a_time_or_a_column_are_refused() -> None:
    timeless = table(readings([1.0])).set_column(1, "timestamp", pa.array([None], pa.timestamp("us", "UTC")))
    with pytest.raises(PermanentError, match="no timestamp"):
        find(timeless, RULES, key=("sensor_id",), time="timestamp", measures=("temperature",))
    with pytest.raises(PermanentError, match="'humidity'"):
        find(table([]), RULES, key=("sensor_id",), time="timestamp", measures=("humidity",))


@pytest.mark.parametrize(
    "wrong", [{"minimum": 200}, {"minimum": 0}, {"threshold": 0.0}, {"block_seconds": -1.0}, {"gap_seconds": -1.0}]
)
def test_rules_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        judge(readings(noise(3)), replace(RULES, **wrong))


SMALL = AnomalyRules(
    ("temperature",), 2.0, trailing=6, minimum=2, block_seconds=30, stuck_seconds=20, stuck_readings=3, gap_seconds=40
)


def history(seed: int) -> list[Row]:
    """Some sensors with readings at odd times, runs of equal values, NULLs, spikes and gaps."""
    numbers = np.random.RandomState(seed)
    rows: list[Row] = []
    for sensor in range(numbers.randint(1, 4)):
        when, value = START, 0.0
        for _ in range(numbers.randint(1, 80)):
            when += timedelta(
                seconds=int(numbers.choice([0, 1, 2, 5, 10, 21, 41], p=[0.1, 0.3, 0.3, 0.2, 0.06, 0.03, 0.01]))
            )
            if numbers.rand() > 0.7:
                value = float(numbers.randint(0, 4)) if numbers.rand() > 0.2 else float(numbers.randint(0, 30))
            rows.append((sensor, when, value if numbers.rand() > 0.03 else None, True))
    return rows


def load(rows: list[Row], rules: AnomalyRules, first: int, end: int, spare: int) -> list[Row]:
    """One sensor's rows `first` to `end` as new ones, with the context that the rules ask for and `spare` rows more."""
    since = context_start(rows[first][1], rules)
    begin = sum(row[1] < since for row in rows) - context_readings(rules) - spare
    return [(*row[:3], i >= first) for i, row in enumerate(rows[:end])][max(0, begin) :]


@pytest.mark.parametrize(
    "rules",
    [
        SMALL,
        replace(SMALL, block_seconds=120, stuck_seconds=5),
        replace(SMALL, trailing=2, stuck_readings=2, stuck_seconds=40, gap_seconds=None),
    ],
    ids=["all", "long blocks", "long runs"],
)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 79), max_size=20), spare=st.integers(0, 3))
def test_cutting_readings_into_loads_changes_nothing(
    rules: AnomalyRules, seed: int, cuts: set[int], spare: int
) -> None:
    rows = history(seed)
    whole = judge(rows, rules)
    pieces: list[dict[str, Any]] = []
    for sensor in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == sensor]
        borders = [0, *sorted(cut for cut in cuts if cut < len(own)), len(own)]
        for first, end in pairwise(borders):
            pieces += judge(load(own, rules, first, end, spare), rules)
    assert pieces == whole


def test_the_cutting_property_is_about_something() -> None:
    rows = readings([0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 50.0, *[2.0] * 8], seconds=5)
    rows += [(1, START + timedelta(seconds=300), 1.0, True)]
    assert {one["kind"] for one in judge(rows, SMALL)} == {"outlier", "stuck", "gap"}
