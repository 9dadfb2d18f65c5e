"""The question that a chart asks, built from its file as the pages build it: the body of /api/v1/chart/data.

Covers every type of chart in superset/assets; one that it does not know is an error, so that none goes untested.
"""

from __future__ import annotations

import json
from typing import Any

Params = dict[str, Any]

_SERIES = {
    "echarts_timeseries_bar",
    "echarts_timeseries_line",
    "echarts_timeseries_smooth",
    "echarts_timeseries_step",
    "echarts_timeseries_scatter",
    "echarts_area",
    "big_number",
    "heatmap_v2",
}
_PLAIN = {"big_number_total", "pie", "gauge_chart", "funnel", "treemap_v2", "sunburst_v2", "radar", "bubble_v2"}


def body(dataset_id: int, params: Params) -> dict[str, Any]:
    """The body for a chart with these params."""
    return {
        "datasource": {"id": dataset_id, "type": "table"},
        "queries": [_shared(params) | query for query in _queries(params)],
        "result_format": "json",
        "result_type": "full",
        "force": True,
    }


def paged(params: Params) -> list[dict[str, Any]]:
    """The queries of a chart with the order, series and pages that the pages add; of a table with pages the second one too."""
    found = [_shared(params) | _order(params, query) | query for query in _queries(params)]
    if params.get("server_pagination"):
        page = int(params["server_page_length"])
        (query,) = found
        count = {"is_rowcount": True, "row_limit": 0, "row_offset": 0, "orderby": []}
        return [query | {"row_limit": page}, query | {"row_limit": page, "row_offset": page}, query | count]
    return found


def choices(column: str) -> list[dict[str, Any]]:
    """The query of a filter that offers the values of a column."""
    return [{"columns": [column], "metrics": [], "orderby": [[column, True]], "filters": [], "row_limit": 1000}]


def bounds(column: str) -> list[dict[str, Any]]:
    """The query of a filter that takes limits: the least and the largest value of a column."""
    return [{"columns": [], "metrics": least_and_largest(column), "filters": [], "row_limit": 1000}]


def least_and_largest(column: str) -> list[dict[str, Any]]:
    """The metrics that a filter with limits asks for."""
    return [
        {"expressionType": "SIMPLE", "aggregate": name.upper(), "column": {"column_name": column}, "label": name}
        for name in ("min", "max")
    ]


def _order(params: Params, query: dict[str, Any]) -> dict[str, Any]:
    if not query["metrics"]:
        return {}
    by = params.get("timeseries_limit_metric") or query["metrics"][0]
    order: dict[str, Any] = {"orderby": [[by, not params.get("order_desc", True)]]}
    if params.get("series_limit"):
        order |= {"series_columns": _listed(params.get("groupby")), "series_limit": params["series_limit"]}
        order |= {"series_limit_metric": params.get("series_limit_metric")}
    return order


def _queries(params: Params) -> list[dict[str, Any]]:
    kind = params["viz_type"]
    if kind == "mixed_timeseries":
        both = [("metrics", "groupby"), ("metrics_b", "groupby_b")]
        return [_series(params, params.get(m) or [], params.get(g) or []) for m, g in both]
    if kind in _SERIES:
        return [_series(params, _metrics(params), _listed(params.get("groupby")))]
    if kind in _PLAIN:
        return [{"columns": _listed(params.get("groupby")), "metrics": _metrics(params)}]
    if kind == "table" and params.get("query_mode") == "raw":
        order = [json.loads(entry) for entry in params.get("order_by_cols") or []]
        return [{"columns": params["all_columns"], "metrics": None, "orderby": order}]
    if kind == "table":
        return [{"columns": _listed(params.get("groupby")), "metrics": _metrics(params)}]
    if kind == "pivot_table_v2":
        columns = [*_listed(params.get("groupbyRows")), *_listed(params.get("groupbyColumns"))]
        return [{"columns": columns, "metrics": _metrics(params)}]
    if kind == "histogram_v2":
        return [{"columns": [params["column"], *_listed(params.get("groupby"))], "metrics": None}]
    if kind == "box_plot":
        columns = [_axis(params, column) for column in _listed(params.get("columns"))]
        return [{"columns": [*columns, *_listed(params.get("groupby"))], "metrics": _metrics(params)}]
    raise ValueError(f"Charts of type {kind!r} are not known here; say how they ask for their data.")


def _series(params: Params, metrics: list[Any], groupby: list[Any]) -> dict[str, Any]:
    x = params.get("x_axis")
    return {"columns": [*([_axis(params, x)] if x else []), *groupby], "metrics": metrics}


def _axis(params: Params, column: Any) -> Any:
    """The x axis; a time is cut to the chart's grain."""
    if not isinstance(column, str) or not params.get("time_grain_sqla"):
        return column
    axis = {"columnType": "BASE_AXIS", "sqlExpression": column, "label": column, "expressionType": "SQL"}
    return axis | {"timeGrain": params["time_grain_sqla"]}


def _shared(params: Params) -> dict[str, Any]:
    where = [f["sqlExpression"] for f in params.get("adhoc_filters") or [] if f["expressionType"] == "SQL"]
    filters = [
        {"col": f["subject"], "op": f["operator"], "val": f.get("comparator")}
        for f in params.get("adhoc_filters") or []
        if f["expressionType"] == "SIMPLE"
    ]
    extras = {"where": " AND ".join(f"({text})" for text in where)} if where else {}
    return {"filters": filters, "extras": extras, "row_limit": int(params.get("row_limit") or 1000)}


def _metrics(params: Params) -> list[Any]:
    found = [params.get("metric"), *_listed(params.get("metrics")), *(params.get(name) for name in ("x", "y", "size"))]
    return [metric for metric in found if metric]


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list) else [value]
