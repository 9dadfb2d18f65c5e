"""The notebooks that people read, and the frames that they show: right, bounded, and readable while nothing was loaded."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from statistics import fmean

import pandas as pd
import pytest

from etl.errors import ConfigurationError
from etl.notebook import charts, show
from etl.notebook import queries as reading
from tests.support.notebooks import run_notebook
from tests.support.readings import load_readings, series
from tests.support.readings import reading as one
from tests.support.stack import Project


def test_readings_windows_and_anomalies_are_those_of_the_table(project: Project) -> None:
    load_readings(project, series(120, spike_at=100))
    explored = reading.explore(project.settings, project.contract, since="7d", sensors=1, threshold=20)
    assert explored.summary.iloc[0][["readings", "sensors"]].to_list() == [240, 2]
    # Sensor 2 has the most anomalies, so it is the one that is shown.
    assert set(explored.readings["sensor_id"]) == {2}
    assert len(explored.readings) == 120
    window = explored.windows[explored.windows["measure"] == "temperature"].iloc[0]
    expected = project.sql(
        "SELECT min(temperature), avg(temperature), max(temperature) FROM sensor_data"
        " WHERE timestamp < '2025-06-15 10:05:00+00:00'"
    )[0]
    assert [window["low"], window["average"], window["high"]] == pytest.approx(expected)
    outliers = explored.anomalies[explored.anomalies["kind"] == "outlier"]
    assert [str(moment) for moment in outliers["event_time"]] == ["2025-06-15 11:40:00+00:00"]
    assert reading.explore(project.settings, project.contract, threshold=1e6).anomalies["kind"].isin(["stuck"]).all()
    hours = explored.hours
    values: dict[int, list[float]] = {}
    for time, temperature in project.sql("SELECT timestamp, temperature FROM sensor_data"):
        values.setdefault(time.astimezone(UTC).hour, []).append(temperature)
    assert dict(hours.iloc[0].dropna()) == pytest.approx({hour: fmean(found) for hour, found in values.items()})


def test_readings_are_written_as_csv(project: Project) -> None:
    load_readings(project, [one(1, "09:00:00"), one(1, "09:00:10"), one(1, "09:00:20")])
    explored = reading.explore(project.settings, project.contract, since="2025-06-15 09:00:05")
    told = reading.export(project.settings, explored, "some.csv")
    assert told.iloc[0]["rows"] == "2"
    written = pd.read_csv(project.settings.output / "some.csv")
    assert list(written.columns) == list(project.contract.column_names)
    assert len(written) == 2
    assert reading.export(project.settings, explored, "").empty


def test_a_time_that_cannot_be_understood_and_an_empty_feed_are_named(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="has no readings yet"):
        reading.explore(project.settings, project.contract)
    load_readings(project, [one(1, "09:00:00")])
    with pytest.raises(ConfigurationError, match="'yesterday' is not a time"):
        reading.explore(project.settings, project.contract, since="yesterday")


def test_health_tells_of_jobs_quality_quarantine_and_failures(project: Project) -> None:
    load_readings(project, [one(1, "09:00:00"), one(1, "09:00:10", 99), one(1, "09:00:20", None)])
    project.delete_topic()
    project.etl("run", expect=1)
    health = reading.health(project.settings)
    assert health.jobs["status"].value_counts().to_dict() == {"SUCCESS": 2, "FAILED": 1}
    assert health.quarantine.set_index("reason")["rows"].to_dict() == {"missing": 1, "out_of_range": 1}
    assert len(health.quality) == 1
    failed = charts.failures(health).iloc[0]
    assert (failed["job_name"], failed["error_type"]) == ("produce", "TopicMissing")
    assert failed["notebook"].endswith("1_produce.ipynb")
    table = charts.quarantine(health)
    assert table.loc["missing"].to_dict() == {"sensor_readings": 1, "rejected": 1, "still quarantined": 1}
    assert reading.health(project.settings, feed="other").jobs.empty


def test_plots_of_nothing_say_so(project: Project) -> None:
    show.prepare()
    health = reading.health(project.settings)
    for plot in (charts.activity, charts.pace, charts.quality):
        assert any("no" in text.get_text() for axis in plot(health).axes for text in axis.texts)


def test_the_notebooks_run_by_papermill(project: Project, tmp_path: Path) -> None:
    load_readings(project, series(120, spike_at=100))
    shown = run_notebook(project, "explore_readings", tmp_path / "explore.ipynb", export=str(tmp_path / "all.csv"))
    assert any("11:40:00" in text for text in shown)
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 241
    shown = run_notebook(project, "etl_health", tmp_path / "health.ipynb")
    assert sum("Figure" in text for text in shown) == 3
