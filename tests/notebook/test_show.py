"""Figures and tables of the notebooks stay small, however wide a feed is; what is left out is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd

from etl.contract.model import Column, Contract
from etl.notebook import show
from etl.notebook.choice import Choice, split_names


def wide(contract: Contract, measures: int = 1_700) -> Contract:
    more = tuple(Column(f"m{number:04d}", "double") for number in range(measures))
    return replace(contract, columns=(contract.column("sensor_id"), contract.column("timestamp"), *more), windows=None)


def message(minute: int, measures: int) -> bytes:
    values = {f"m{number:04d}": float(number) for number in range(measures) if number % 100 == 7 or minute == 0}
    return json.dumps({"sensor_id": 1, "timestamp": f"2025-06-15T10:{minute:02d}:00Z", **values}).encode()


def test_the_measures_with_the_most_values_are_drawn_and_counted(contract: Contract) -> None:
    show.prepare()
    feed = replace(wide(contract), anomalies=None)
    frame = show.messages([message(minute, 1_700) for minute in range(10)], feed)
    figure = show.readings(frame, feed)
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]
    assert titles == [f"m{number:04d}" for number in range(7, 1_200, 100)]
    assert figure.get_suptitle() == "12 of 1,700 measures: those with the most values"


def test_few_measures_are_all_drawn_without_a_word(contract: Contract) -> None:
    frame = pd.DataFrame({"sensor_id": ["1"], "timestamp": ["2025-06-15T10:00:00Z"], "temperature": ["20"]})
    figure = show.readings(frame.assign(humidity="40"), contract)
    assert len(figure.axes) == 2
    assert figure.get_suptitle() == ""


def test_a_title_has_the_unit_that_the_contract_gives(contract: Contract) -> None:
    show.prepare()
    columns = tuple(
        replace(column, description="", unit={"temperature": "°C", "humidity": "%"}.get(column.name, ""))
        for column in contract.columns
    )
    frame = pd.DataFrame({"sensor_id": ["1"], "timestamp": ["2025-06-15T10:00:00Z"], "temperature": ["20"]})
    figure = show.readings(frame.assign(humidity="40"), replace(contract, columns=columns))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["temperature (°C)", "humidity (%)"]


def test_messages_of_sensors_with_different_units_are_not_drawn_in_one_panel(contract: Contract) -> None:
    show.prepare()
    columns = (
        *(column for column in contract.columns if column.name in ("sensor_id", "timestamp")),
        Column("state", "double"),
        Column("unit", "text"),
    )
    feed = replace(contract, columns=columns, windows=None, anomalies=None)
    readings = [
        {"sensor_id": sensor, "timestamp": f"2025-06-15T10:0{minute}:00Z", "state": 20, "unit": unit}
        for minute in range(3)
        for sensor, unit in ((1, "°C"), (2, "%"), (3, "°C"))
    ]
    figure = show.readings(show.messages([json.dumps(each).encode() for each in readings], feed), feed)
    drawn = {axis.get_title(loc="left"): len(axis.lines) for axis in figure.axes if axis.get_visible()}
    assert drawn == {"state (°C)": 2, "state (%)": 1}


def test_of_wide_messages_only_the_first_are_read(contract: Contract) -> None:
    feed = wide(contract, 500)
    assert len(show.messages([message(1, 500)] * 1_000, feed)) == 200_000 // 502
    assert len(show.messages([message(1, 0)] * 1_000, contract)) == 1_000


def test_a_choice_says_how_many_of_how_many_and_why() -> None:
    names = tuple(f"m{number}" for number in range(12))
    choice = Choice(names, 1_700, "those with the most values")
    assert choice.in_words("measures") == "12 of 1,700 measures: those with the most values"
    assert choice.listed == "m0, m1, m2, m3, m4, m5, … (12)"
    assert Choice(names, 12, "").in_words("measures") == "all 12 measures"


def test_names_are_divided_at_commas_also_where_papermill_made_a_number_of_one() -> None:
    assert split_names(" a, b ,,c") == ["a", "b", "c"]
    assert split_names(7) == ["7"]  # type: ignore[arg-type]
    assert split_names("") == []
