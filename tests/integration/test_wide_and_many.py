"""Feeds of very many measures or sensors: loaded by the real loader, and shown in bounded, chosen parts that say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ContractError, ParameterError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.notebook import charts, show
from etl.notebook import queries as reading
from etl.notebook.queries import Explored
from tests.support.edits import Tanks
from tests.support.notebooks import outputs_of_notebook
from tests.support.stack import Project
from tests.support.wide import full_measures, load_many, load_wide, measure_names, wide_document

MEASURES, SENSORS = 1_500, 20_000
MOST_DRAWN = 12


def figures_of(explored: Explored) -> list[Figure]:
    show.prepare()
    shown = show.readings(
        explored.readings, explored.contract, sensors=len(explored.sensors.names), measures=explored.measures
    )
    return [shown, charts.windows(explored), charts.by_hour(explored), charts.anomalies(explored)]


def note(figure: Figure) -> str:
    title = figure.get_suptitle()
    return str(title)


def explored(feed: Tanks, **chosen: Any) -> Explored:
    return reading.explore(feed.project.settings, feed.contract, since="7d", **chosen)


def test_of_1500_measures_those_with_the_most_values_are_drawn(project: Project, tmp_path: Path) -> None:
    feed = load_wide(project, MEASURES, 200)
    full = full_measures(MEASURES)
    of_windows = "SELECT count(*), sum(count) FROM wide_1d WHERE measure"
    assert feed.sql(f"{of_windows} = '{full[0]}'") == [(2, 200)]
    assert feed.sql(f"{of_windows} = 'm0000'") == [(2, 100)]
    found = explored(feed)
    assert list(found.measures.names) == full
    assert set(found.readings.columns) == {"device", "time", *full}
    assert set(found.windows["measure"]) == set(full)
    for figure in figures_of(found):
        assert sum(axis.get_visible() for axis in figure.axes) <= MOST_DRAWN
    words = f"12 of {MEASURES:,} measures: those with the most values"
    assert [note(figure) for figure in figures_of(found)] == [words, words, "", words]
    table = charts.choice(found)
    assert table.loc["measures", "shown"] == words
    assert table.loc["sensors", "shown"] == "all 2 sensors"
    outputs = outputs_of_notebook(project, "explore_readings", tmp_path / "wide.ipynb", feed="wide")
    assert sum("image/png" in output for output in outputs) == 4
    text = "\n".join("".join(output.get("text/plain", "")) for output in outputs)
    assert words in text
    assert len(text) < 20_000
    plt.close("all")


def test_measures_are_chosen_by_name_and_unknown_ones_are_refused_with_the_nearest(project: Project) -> None:
    feed = load_wide(project, 40, 20)
    assert explored(feed, measures="m0003, M0001").measures.names == ("m0003", "m0001")
    tens = explored(feed, measures="m001*").measures
    assert tens.names == tuple(f"m001{digit}" for digit in range(10))
    every = explored(feed, measures="*").measures
    assert len(every.names) == MOST_DRAWN
    assert every.in_words("measures") == "12 of 40 measures: the first of 40 that were named"
    with pytest.raises(ParameterError, match="no measure 'm003' among the feed's 40") as refused:
        explored(feed, measures="m003")
    assert refused.value.remedy == "Did you mean m0030 or m0031 or m0032?"


def test_the_sample_of_a_load_is_as_wide_as_its_plot(project: Project) -> None:
    feed = load_wide(project, 40, 20)
    feed.document["customProperties"][2]["value"] = {"measures": ["m0001"]}
    loaded = feed.load({"device": "d9", "m0001": 1, "m0039": 2})
    measures = [name for name in loaded.sample.columns if name.startswith("m0")]
    assert len(measures) == MOST_DRAWN
    assert {"m0001", "m0039"} <= set(measures)
    figure = show.readings(loaded.sample, feed.contract)
    assert note(figure) == "12 of 40 measures: those with the most values"


def test_of_very_many_sensors_a_few_are_shown(project: Project, tmp_path: Path) -> None:
    feed = load_many(project, SENSORS)
    last = f"d{SENSORS - 1:06d}"
    found = explored(feed, sensors=3)
    assert found.sensors.names[0] == last
    assert len(found.sensors.names) == 3
    assert set(found.readings["device"]) == set(found.sensors.names)
    assert charts.choice(found).loc["sensors", "shown"] == (
        f"3 of {SENSORS:,} sensors: those with the most anomalies, then those with the most readings"
    )
    named = explored(feed, sensor_names="d000007, d000003")
    assert set(named.readings["device"]) == {"d000007", "d000003"}
    with pytest.raises(ParameterError, match="No sensor 'd00007' has readings in this period") as refused:
        explored(feed, sensor_names="d00007")
    assert refused.value.remedy.startswith("Did you mean d000070 or")
    with pytest.raises(ParameterError, match="51 sensors are named"):
        explored(feed, sensor_names=",".join(f"d{number:06d}" for number in range(51)))
    outputs = outputs_of_notebook(project, "explore_readings", tmp_path / "many.ipynb", feed="tanks")
    text = "\n".join("".join(output.get("text/plain", "")) for output in outputs)
    assert f"5 of {SENSORS:,} sensors" in text
    assert len(text) < 20_000


def test_what_people_see_of_a_wide_feed_stays_short(project: Project) -> None:
    feed = load_wide(project, MEASURES, 20)
    (cycle,) = {row["cycle_id"] for row in project.log() if row["feed"] == "wide"}
    for command in (["feeds", "show", "wide"], ["status"], ["history"], ["explain", cycle]):
        said = project.etl(*command).stdout
        assert len(said.splitlines()) < 80, command
        assert len(said) < 15_000, command
    assert feed.check().startswith("wide.odcs.yaml is fine")


def test_a_table_too_wide_for_the_database_is_refused_with_limit_and_remedy(project: Project) -> None:
    feed = Tanks(project, wide_document(1_700))
    said = feed.check()
    assert "PostgreSQL cannot hold table wide: 1,708 columns; 1,600 are possible." in said
    assert "a row per measure" in said
    with pytest.raises(ContractError, match="1,600 are possible"):
        feed.load({"device": "d"})
    feed = Tanks(project, wide_document(1_592))
    assert "PostgreSQL cannot hold view v_wide: 1,603 columns; 1,600 are possible." in feed.check()


def test_messages_of_300_measures_are_split_by_spark(project: Project) -> None:
    feed = Tanks(project, wide_document(300))
    contract = replace(feed.contract, source=KafkaTopic(project.topic))
    values = dict.fromkeys(measure_names(300), 1)
    project.send(
        json.dumps({"device": "d", "time": f"2024-05-01T00:00:{second:02d}Z", **values}).encode()
        for second in range(20)
    )
    consumed = consume(project.settings, contract)
    assert (consumed.counts.processed, consumed.counts.rejected) == (20, 0)
    merge(project.settings, contract)
    assert load(project.settings, contract).counts.processed == 20
    assert feed.sql("SELECT sum(m0000), sum(m0299) FROM wide") == [(20, 20)]
