"""The dashboards as code: whatever a chart, a filter or a palette names must be there. Needs no Superset."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from etl.audit.states import NOTEBOOKS
from etl.database.schema.views import COMMON_VIEWS, view_files
from etl.services.superset import assets
from etl.services.superset.check import require_sound
from etl.settings import PROJECT_ROOT
from etl.validation.reasons import Reason

BUNDLE = assets.read(assets.FOLDER)
CHARTS = BUNDLE.documents("charts")
DASHBOARDS = BUNDLE.documents("dashboards")
DATASETS = {doc["uuid"]: doc for doc in BUNDLE.documents("datasets").values()}
GREEN, RED, BLUE = "#009E73", "#D55E00", "#0072B2"
# Of both dialects, with one meaning: no casts, no times, no booleans.
_COMMON = {
    *(exp.Select, exp.Alias, exp.Identifier, exp.Column, exp.Literal, exp.Star),
    *(exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Floor, exp.Add, exp.Sub, exp.Mul, exp.Div),
}


def columns(dataset: dict[str, Any]) -> set[str]:
    return {column["column_name"] for column in dataset["columns"]}


def metrics(dataset: dict[str, Any]) -> set[str]:
    return {metric["metric_name"] for metric in dataset["metrics"]}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def asked_columns(params: dict[str, Any]) -> Iterator[str]:
    for name in ("x_axis", "groupby", "groupby_b", "all_columns"):
        yield from listed(params.get(name))
    yield from (json.loads(entry)[0] for entry in params.get("order_by_cols", []))
    for name in ("adhoc_filters", "adhoc_filters_b"):
        yield from (found["subject"] for found in params.get(name, []))


def asked_metrics(params: dict[str, Any]) -> Iterator[str]:
    for name in ("metric", "metrics", "metrics_b", "timeseries_limit_metric", "series_limit_metric"):
        yield from listed(params.get(name))


def placed(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        item["meta"] for item in dashboard["position"].values() if isinstance(item, dict) and item["type"] == "CHART"
    ]


def test_the_references_between_the_files_lead_somewhere() -> None:
    require_sound(BUNDLE)


def test_the_files_have_the_form_of_an_export() -> None:
    again = assets.normalised(BUNDLE.files, BUNDLE)
    assert {path for path in BUNDLE.files if again.files[path] != BUNDLE.files[path]} == set()


@pytest.mark.parametrize("path", sorted(CHARTS))
def test_a_chart_asks_for_what_its_dataset_has(path: str) -> None:
    chart = CHARTS[path]
    dataset, params = DATASETS[chart["dataset_uuid"]], chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    assert chart["description"]
    assert set(asked_columns(params)) <= columns(dataset)
    assert set(asked_metrics(params)) <= metrics(dataset)
    assert {c["column"] for c in params.get("conditional_formatting", [])} <= columns(dataset) | metrics(dataset)
    assert set(params.get("column_config", {})) <= columns(dataset) | metrics(dataset)


@pytest.mark.parametrize("path", sorted(CHARTS))
def test_a_chart_follows_the_time_range_where_its_rows_have_a_time(path: str) -> None:
    chart = CHARTS[path]
    time = DATASETS[chart["dataset_uuid"]]["main_dttm_col"]
    ranges = [f["subject"] for f in chart["params"]["adhoc_filters"] if f["operator"] == "TEMPORAL_RANGE"]
    assert ranges == ([time] if time else [])


def test_metrics_name_columns_of_their_dataset() -> None:
    for dataset in DATASETS.values():
        for metric in dataset["metrics"]:
            names = set(re.findall(r"\b[a-z]\w+\b", metric["expression"]))
            assert names <= columns(dataset), (dataset["table_name"], metric["metric_name"])


@pytest.mark.parametrize("dialect", ["tsql", "postgres"])
def test_expressions_are_sql_that_every_product_knows(dialect: str) -> None:
    """What is not belongs into the views, of which each product has its own. Whole queries: tests/superset/test_offline.py."""
    assert not any(dataset["sql"] or dataset["fetch_values_predicate"] for dataset in DATASETS.values())
    for dataset in DATASETS.values():
        texts = [metric["expression"] for metric in dataset["metrics"]]
        texts += [column["expression"] for column in dataset["columns"] if column["expression"]]
        for text in texts:
            parsed = sqlglot.parse_one(f"SELECT {text} AS found", dialect=dialect)
            assert {type(node) for node in parsed.walk()} <= _COMMON, text
            assert parsed.sql(dialect) == f"SELECT {text} AS found", text
    filters = [found for chart in CHARTS.values() for found in chart["params"]["adhoc_filters"]]
    assert {found["expressionType"] for found in filters} == {"SIMPLE"}


def test_each_dataset_is_a_view_that_somebody_makes() -> None:
    written = {file.stem for file in view_files("postgresql")}
    assert {dataset["table_name"] for dataset in DATASETS.values()} <= written | set(COMMON_VIEWS)
    assert {dataset["schema"] for dataset in DATASETS.values()} == {"public"}


def test_there_are_four_dashboards_with_filters_refresh_and_cross_filters() -> None:
    titles = {doc["dashboard_title"] for doc in DASHBOARDS.values()}
    assert titles == {"ETL health", "Data quality", "Readings", "Rows"}
    for dashboard in DASHBOARDS.values():
        metadata = dashboard["metadata"]
        assert metadata["refresh_frequency"] == 30
        assert metadata["cross_filters_enabled"] is True
        kinds = [found["filterType"] for found in metadata["native_filter_configuration"]]
        assert kinds[0] == "filter_time"
        assert {t["column"]["name"] for f in metadata["native_filter_configuration"][1:] for t in f["targets"]} >= {
            "feed"
        }


def test_a_filter_of_values_reaches_a_chart() -> None:
    of_chart = {doc["uuid"]: DATASETS[doc["dataset_uuid"]] for doc in CHARTS.values()}
    for dashboard in DASHBOARDS.values():
        reached = [columns(of_chart[meta["uuid"]]) for meta in placed(dashboard)]
        for found in dashboard["metadata"]["native_filter_configuration"][1:]:
            assert any(found["targets"][0]["column"]["name"] in names for names in reached), found["name"]


def test_time_ranges_hide_nothing_of_today() -> None:
    """`Last day` ends with yesterday, and `Last 24 hours` is an error of Superset."""
    for dashboard in DASHBOARDS.values():
        mask = dashboard["metadata"]["native_filter_configuration"][0]["defaultDataMask"]
        assert mask["extraFormData"]["time_range"] == mask["filterState"]["value"]
        assert mask["filterState"]["value"].endswith(" : now")


def test_rows_fill_the_width_and_each_chart_is_there_once() -> None:
    for dashboard in DASHBOARDS.values():
        position = dashboard["position"]
        for item in position.values():
            if isinstance(item, dict) and item["type"] == "ROW":
                assert sum(position[child]["meta"]["width"] for child in item["children"]) == 12
        titles = {doc["uuid"]: doc["slice_name"] for doc in CHARTS.values()}
        assert all(meta["sliceName"] == titles[meta["uuid"]] for meta in placed(dashboard))
    everywhere = [meta["uuid"] for dashboard in DASHBOARDS.values() for meta in placed(dashboard)]
    assert sorted(everywhere) == sorted(doc["uuid"] for doc in CHARTS.values())


def test_a_filter_with_limits_asks_for_them_where_they_are_constants() -> None:
    """Superset asks for the least and the largest value of the whole view, whatever the time range: of all readings, for ever."""
    limits = [
        (DATASETS[target["datasetUuid"]]["table_name"], target["column"]["name"])
        for dashboard in DASHBOARDS.values()
        for found in dashboard["metadata"]["native_filter_configuration"]
        if found["filterType"] == "filter_range"
        for target in found["targets"]
    ]
    assert limits == [("v_etl_choices", "value"), ("v_etl_choices", "score")]


def test_only_columns_that_views_make_links_of_are_shown_as_html() -> None:
    """A click on a cell filters what has its column; a link's column has its own name, so that it filters nothing."""
    links = {}
    for path, chart in CHARTS.items():
        if chart["params"].get("allow_render_html"):
            links[path] = [name for name in chart["params"]["all_columns"] if name.endswith("_notebook")]
    assert links == {"charts/cycles.yaml": ["cycle_notebook"], "charts/failures.yaml": ["failed_notebook"]}
    for (name,) in links.values():
        assert sum(name in columns(dataset) for dataset in DATASETS.values()) == 1


def test_colours_mean_the_same_everywhere() -> None:
    palettes = [dashboard["metadata"]["label_colors"] for dashboard in DASHBOARDS.values()]
    assert all(palette == palettes[0] for palette in palettes)
    meant = {"SUCCESS": GREEN, "Processed": GREEN, "FAILED": RED, "ERROR": RED, "Rejected": RED, "RUNNING": BLUE}
    assert {label: palettes[0][label] for label in meant} == meant
    assert {doc["params"].get("color_scheme", "etl") for doc in CHARTS.values()} == {"etl"}


def test_no_secret_and_no_machine_is_in_the_files() -> None:
    for path, text in BUNDLE.files.items():
        assert not re.search(r"://[^/\s:@]+:[^@\s]+@|password|secret|/home/|/work/|/tmp/", text, re.IGNORECASE), path


def test_the_documentation_tells_of_every_chart() -> None:
    document = (PROJECT_ROOT / "docs" / "dashboards.md").read_text("utf-8")
    assert [doc["slice_name"] for doc in CHARTS.values() if f"| {doc['slice_name']} |" not in document] == []


def test_filters_offer_every_reason_job_and_status() -> None:
    (file,) = (file for file in view_files("postgresql") if file.stem == "v_etl_choices")
    offered = set(re.findall(r"'([^']+)'", re.sub(r"--.*", "", file.read_text("utf-8"))))
    steps = {f"{number} {name}" for number, name in (notebook.split("_") for notebook in NOTEBOOKS.values())}
    statuses = {"SUCCESS", "FAILED", "RUNNING", "QUARANTINED", "REPLAYED", "DISCARDED", "ERROR", "STANDBY"}
    assert offered == steps | statuses | {reason.value for reason in Reason}


@pytest.mark.parametrize("path", sorted(CHARTS))
def test_a_chart_with_a_line_or_row_per_sensor_or_measure_is_bounded_and_says_so(path: str) -> None:
    """A feed may have 100,000 sensors, or 1,500 measures."""
    chart = CHARTS[path]
    params = chart["params"]
    if not {"sensor", "measure"} & {*asked_columns({**params, "adhoc_filters": [], "adhoc_filters_b": []})}:
        return
    most = int(params.get("series_limit") or params["row_limit"])
    assert most <= 5_000
    assert f"{most:,}" in chart["description"]


def test_the_filter_of_sensors_looks_for_what_is_typed() -> None:
    """Superset offers the first 1,000 values of a filter; others only where it searches for them."""
    for dashboard in DASHBOARDS.values():
        for found in dashboard["metadata"]["native_filter_configuration"][1:]:
            if found["targets"][0]["column"]["name"] == "sensor":
                assert found["controlValues"]["searchAllOptions"] is True
                assert "1,000" in found["description"]
