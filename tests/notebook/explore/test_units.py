"""Units in plots: named in titles, and never two of them in one panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from etl.contract.model import Column, Contract
from etl.contract.reader import read_contract
from etl.notebook.choice import Choice
from etl.notebook.explore.units import by_unit, fitting, main_unit, titled, unit_columns, unit_name, with_units
from etl.settings import PROJECT_ROOT

PACKAGED = sorted((PROJECT_ROOT / "etl" / "contract" / "feeds").glob("*.odcs.yaml"))


@pytest.fixture
def entities(contract: Contract) -> Contract:
    """A feed whose sensors measure in different units."""
    columns = (
        Column("entity", "text"),
        Column("timestamp", "timestamp"),
        Column("state", "double"),
        Column("unit_of_measurement", "text"),
    )
    return replace(
        contract, columns=columns, sensor=("entity",), primary_key=("entity", "timestamp"), windows=None, anomalies=None
    )


def readings(*rows: tuple[str, float | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["entity", "state", "unit_of_measurement"])


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.name)
def test_the_title_of_every_measure_of_a_packaged_feed_has_its_unit(path: Path) -> None:
    contract = read_contract(path)
    for column in map(contract.column, contract.measures):
        (panel,) = by_unit(contract, column.name, pd.DataFrame(), "unit")
        assert column.unit in panel.title
        assert panel.title.count(column.unit) == 1 or not column.unit


@pytest.mark.parametrize(
    ("description", "unit", "title"),
    [
        ("", "°C", "t (°C)"),
        ("", "", "t"),
        ("air temperature", "°C", "air temperature (°C)"),
        ("air temperature in °C", "°C", "air temperature in °C"),
        ("Air temperature [°C].", "°C", "Air temperature [°C]."),
        ("A level", "A", "A level (A)"),
    ],
)
def test_a_unit_stands_behind_a_title_once(description: str, unit: str, title: str) -> None:
    assert titled(Column("t", "double", unit=unit, description=description), unit) == title


def test_a_description_does_not_stand_beside_another_unit_than_the_contracts() -> None:
    column = Column("t", "double", unit="°C", description="temperature in °C")
    assert titled(column, "°F") == "t (°F)"
    assert titled(replace(column, unit="", description="state"), "°F") == "state (°F)"


def test_a_column_with_units_is_recognised_by_its_name_or_description(entities: Contract) -> None:
    assert unit_columns(entities) == {"state": "unit_of_measurement"}
    *others, unit = entities.columns
    for name, description, is_one in (
        ("uom", "", True),
        ("attributes_unitCode", "", True),
        ("measure", "unit in which the device measures", True),
        ("unit_id", "", False),
        ("community", "", False),
        ("status", "state of the unit", False),
    ):
        changed = replace(entities, columns=(*others, replace(unit, name=name, description=description)))
        assert unit_columns(changed) == ({"state": name} if is_one else {}), name
    # What identifies a sensor may be called a unit, and is none.
    assert unit_columns(replace(entities, sensor=("entity", "unit_of_measurement"))) == {}
    assert unit_columns(read_contract(PROJECT_ROOT / "etl/contract/feeds/device_events.odcs.yaml")) == {
        "temperature": "measure"
    }


def test_of_several_measures_each_has_the_column_that_is_named_after_it(entities: Contract) -> None:
    more = (Column("pressure", "double"), Column("pressure_unit", "text"), Column("units", "text"))
    assert unit_columns(replace(entities, columns=(*entities.columns, *more))) == {"pressure": "pressure_unit"}


def test_sensors_with_different_units_are_in_different_panels(entities: Contract) -> None:
    frame = with_units(
        readings(
            ("hall", 20.0, "°C"),
            ("hall", None, None),
            ("yard", 68.0, "°F"),
            ("door", 1.0, None),
            ("cellar", 12.0, "°C"),
            ("lamp", None, "lx"),
        ),
        entities,
    )
    panels = {
        panel.title: sorted({*panel.rows["entity"]}) for panel in by_unit(entities, "state", frame, unit_name("state"))
    }
    assert panels == {"state (°C)": ["cellar", "hall"], "state": ["door"], "state (°F)": ["yard"]}
    # The unit is the sensor's, so that a reading without one does not leave its line.
    assert frame[unit_name("state")].to_list() == ["°C", "°C", "°F", "", "°C", "lx"]


def test_a_sensor_that_changed_its_unit_shares_no_panel_with_the_others(entities: Contract) -> None:
    frame = with_units(readings(("hall", 20.0, "°C"), ("hall", 68.0, "°F"), ("yard", 20.0, "°C")), entities)
    assert [panel.title for panel in by_unit(entities, "state", frame, unit_name("state"))] == [
        "state (°C / °F)",
        "state (°C)",
    ]


def test_what_means_the_contracts_unit_is_in_its_panel(entities: Contract) -> None:
    celsius = replace(
        entities, columns=tuple(replace(c, unit="°C") if c.name == "state" else c for c in entities.columns)
    )
    frame = with_units(readings(("a", 1.0, "C"), ("b", 2.0, "°C"), ("c", 3.0, None)), celsius)
    (panel,) = by_unit(celsius, "state", frame, unit_name("state"))
    assert (panel.title, len(panel.rows)) == ("state (°C)", 3)


def test_no_readings_are_one_empty_panel(entities: Contract) -> None:
    frame = with_units(readings(), entities)
    (panel,) = by_unit(entities, "state", frame, unit_name("state"))
    assert (panel.title, len(panel.rows)) == ("state", 0)


def test_more_panels_than_a_figure_holds_are_counted(entities: Contract) -> None:
    frame = with_units(readings(*((f"e{number}", 1.0, f"u{number:02d}") for number in range(15))), entities)
    panels, note = fitting(by_unit(entities, "state", frame, unit_name("state")), Choice(("state",), 1, ""))
    assert [panel.title for panel in panels] == [f"state (u{number:02d})" for number in range(12)]
    assert note == "12 of 15 panels, one per measure and unit"
    assert fitting(panels[:2], Choice(("state",), 1, "")) == (panels[:2], "")


def test_the_main_unit_is_that_of_most_readings() -> None:
    windows = pd.DataFrame(
        [("state", "°C", 3), ("state", "%", 2), ("state", "%", 2), ("level", "m", 9)],
        columns=["measure", "unit", "readings"],
    )
    assert main_unit(windows, "state") == "%"
    assert main_unit(windows, "depth") == ""
