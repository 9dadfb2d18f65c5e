"""The benchmark of the dashboards asks what the pages ask, and its figures in the documentation are of these charts."""

from __future__ import annotations

import re

from benchmarks.dashboards.__main__ import DOCUMENT, TARGET_MS, filtered, questions
from etl.services.superset import assets

BUNDLE = assets.read(assets.FOLDER)


def test_every_chart_and_filter_is_asked() -> None:
    asked = [one.title for one in questions(BUNDLE)]
    charts = [doc["slice_name"] for doc in BUNDLE.documents("charts").values()]
    assert sorted(title for title in asked if not title.startswith("filter: ")) == sorted(charts)
    assert sum(title.startswith("filter: ") for title in asked) == 13


def test_rows_are_also_asked_with_each_of_their_filters() -> None:
    asked = {one.params["adhoc_filters"][-1]["subject"] for one in filtered(BUNDLE)}
    metadata = BUNDLE.documents("dashboards")["dashboards/rows.yaml"]["metadata"]
    _of_time, _of_feed, *others = metadata["native_filter_configuration"]
    assert asked == {found["targets"][0]["column"]["name"] for found in others}


def test_charts_are_asked_with_the_default_time_range_unless_it_is_not_theirs() -> None:
    ranges = {
        one.title: {
            found["comparator"]
            for found in one.params.get("adhoc_filters", [])
            if found["operator"] == "TEMPORAL_RANGE"
        }
        for one in questions(BUNDLE)
    }
    assert ranges["How the jobs ended"] == {'DATEADD(DATETIME("now"), -1, day) : now'}
    assert ranges["Cycles today"] == {"Current day"}
    assert ranges["Rows, newest first"] == {'DATEADD(DATETIME("now"), -1, hour) : now'}
    assert ranges["Latest value of each sensor"] == {"No filter"}


def test_the_documented_figures_are_of_these_charts_and_within_the_target() -> None:
    figures = dict(
        re.findall(r"^\| [\w ]+ \| (.+) \| [\d,]+ \| ([\d,.]+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    )
    assert figures.keys() == {one.title for one in [*questions(BUNDLE), *filtered(BUNDLE)]}
    assert {title: ms for title, ms in figures.items() if float(ms.replace(",", "")) > TARGET_MS} == {}
