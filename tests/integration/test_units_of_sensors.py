"""A feed whose sensors measure in different units, as the entities of Home Assistant do: no line and no average mixes them."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from etl.notebook import charts, show
from etl.notebook import queries as reading
from etl.notebook.queries import Explored
from tests.support.edits import DOCUMENT, Tanks, column
from tests.support.stack import Project

UNITS = {"hall": "°C", "cellar": "°C", "bath": "%", "door": ""}
LEVELS = {"hall": 20.0, "cellar": 10.0, "bath": 60.0, "door": 1.0}
MINUTES, SPIKE_AT = 45, 40


@pytest.fixture
def explored(project: Project) -> Iterator[Explored]:
    document = copy.deepcopy(DOCUMENT) | {"id": "entities", "name": "entities"}
    document["servers"][0]["path"] = "landing/entities"
    properties = [
        column("entity", "string", key=1, maxLength=20),
        column("time", "timestamp", key=2),
        column("state", "number"),
        column("unit_of_measurement", "string", maxLength=10),
    ]
    document["schema"] = [{"name": "entities", "physicalName": "entities", "properties": properties}]
    document["customProperties"] = [
        {"property": "eventTime", "value": {"column": "time"}},
        {"property": "windows", "value": {"sizes": ["1h"]}},
        {"property": "anomalies", "value": {"measures": ["state"]}},
    ]
    feed = Tanks(project, document)
    noise = random.Random(1)
    feed.write(
        [
            {
                "entity": entity,
                "time": f"2024-05-01T10:{minute:02d}:00Z",
                "state": LEVELS[entity] + noise.gauss(0, 0.1) + (50 if (entity, minute) == ("bath", SPIKE_AT) else 0),
                "unit_of_measurement": unit,
            }
            for minute in range(MINUTES)
            for entity, unit in UNITS.items()
        ]
    )
    assert feed.cycle().counts.processed == MINUTES * len(UNITS)
    show.prepare()
    yield reading.explore(project.settings, feed.contract, threshold=20)
    plt.close("all")


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes if axis.get_title(loc="left")]


def test_single_readings_have_a_panel_per_unit_with_the_names_of_its_sensors(explored: Explored) -> None:
    figure = show.readings(explored.readings, explored.contract, measures=explored.measures)
    assert titles(figure) == ["state (°C)", "state", "state (%)"]
    legends = filter(None, (axis.get_legend() for axis in figure.axes))
    named = [{text.get_text() for text in legend.get_texts()} for legend in legends]
    assert named == [{"entity cellar", "entity hall"}, {"entity door"}, {"entity bath"}]


def test_windows_average_only_what_has_the_same_unit(explored: Explored) -> None:
    found = explored.windows.set_index("unit")
    assert found["average"].astype(float).round(0).to_dict() == {"°C": 15, "%": 61, "": 1}
    assert found["readings"].astype(int).to_dict() == {"°C": 2 * MINUTES, "%": MINUTES, "": MINUTES}
    assert titles(charts.windows(explored)) == [
        f"{name} per window, all sensors" for name in ("state", "state (%)", "state (°C)")
    ]
    assert [len(axis.lines) for axis in charts.windows(explored).axes if axis.get_visible()] == [1, 1, 1]


def test_the_averages_by_hour_are_those_of_the_unit_with_the_most_readings(explored: Explored) -> None:
    assert explored.hours.loc[:, 10].round(0).to_list() == [15]
    assert titles(charts.by_hour(explored)) == ["state (°C): average by day and hour (UTC)"]


def test_anomalies_are_marked_in_the_panel_of_their_unit(explored: Explored) -> None:
    figure = charts.anomalies(explored)
    marked = {axis.get_title(loc="left"): len(axis.collections) for axis in figure.axes if axis.get_visible()}
    assert marked == {
        "state (°C): anomalies, threshold 20": 0,
        "state: anomalies, threshold 20": 0,
        "state (%): anomalies, threshold 20": 1,
    }
    (strongest,) = charts.strongest(explored).to_dict("records")
    assert (strongest["entity"], strongest["event_time"]) == ("bath", f"2024-05-01 10:{SPIKE_AT}:00")
