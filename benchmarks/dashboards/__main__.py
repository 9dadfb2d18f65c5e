"""`python -m benchmarks.dashboards` fills a temporary database, lets Superset generate the query of every chart and filter,
measures each in the database, prints the table
and writes it into docs/dashboards.md. Exit code 1 if one takes longer than 200 ms.

Some ten minutes and 6 GB of disk. Nothing of your own instance is touched. `--log-rows N` and `--readings N` make it smaller.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine

from benchmarks.dashboards.fill import LOG_ROWS, READINGS, fill
from etl import services
from etl.cli.init import init_tables
from etl.contract.reader import load_contracts
from etl.database import make_engine
from etl.services import superset
from etl.services.superset import assets, keys
from etl.services.superset.user_database import product_of_data
from etl.settings import PROJECT_ROOT, Settings
from tests.superset.client import Client
from tests.superset.queries import body, least_and_largest

TARGET_MS = 200.0
_ROWS = "charts/rows.yaml"
RUNS = 7
DOCUMENT = PROJECT_ROOT / "docs" / "dashboards.md"
_BEGIN, _END = "<!-- figures: python -m benchmarks.dashboards -->", "<!-- end of figures -->"
Document = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """The query of a chart or a filter."""

    dashboard: str
    title: str
    dataset: str
    params: Document


@dataclass(frozen=True)
class Measured:
    question: Question
    rows: int
    milliseconds: float
    """In the database, the median of several runs; of a chart with several queries their sum."""


def questions(bundle: assets.Bundle) -> Iterator[Question]:
    """All queries of a page when it is opened: charts with the default time range, and the filters' choices."""
    charts = {doc["uuid"]: doc for doc in bundle.documents("charts").values()}
    for dashboard in bundle.documents("dashboards").values():
        title = dashboard["dashboard_title"]
        of_time, *of_values = dashboard["metadata"]["native_filter_configuration"]
        for item in dashboard["position"].values():
            if isinstance(item, dict) and item["type"] == "CHART":
                chart = charts[item["meta"]["uuid"]]
                excluded = item["meta"]["chartId"] in of_time["scope"]["excluded"]
                wanted = None if excluded else of_time["defaultDataMask"]["extraFormData"]["time_range"]
                params = _within(chart["params"], wanted)
                yield Question(title, chart["slice_name"], chart["dataset_uuid"], params)
        for value_filter in of_values:
            target = value_filter["targets"][0]
            column = target["column"]["name"]
            choices: Document = {"viz_type": "table", "groupby": [column], "metrics": []}
            if value_filter["filterType"] == "filter_range":
                choices |= {"groupby": [], "metrics": least_and_largest(column)}
            yield Question(title, f"filter: {value_filter['name']}", target["datasetUuid"], choices)


def filtered(bundle: assets.Bundle) -> Iterator[Question]:
    """The queries of the rows as people filter them: by value and by score in the default time range, by sensor in a day."""
    chart = bundle.documents("charts")[_ROWS]
    (unfiltered,) = (question for question in questions(bundle) if question.title == chart["slice_name"])
    day = _within(chart["params"], 'DATEADD(DATETIME("now"), -1, day) : now')
    for name, params, column, operator, value in (
        ("one sensor, a day", day, "sensor", "IN", ["7"]),
        ("values from 25", unfiltered.params, "value", ">=", 25),
        ("scores from 5", unfiltered.params, "score", ">=", 5),
    ):
        wanted = {"expressionType": "SIMPLE", "subject": column, "operator": operator, "comparator": value}
        only = params | {"adhoc_filters": [*params["adhoc_filters"], wanted]}
        yield Question(unfiltered.dashboard, f"{unfiltered.title}: {name}", unfiltered.dataset, only)


def _within(params: Document, time_range: str | None) -> Document:
    """A chart's parameters with the dashboard's time range."""
    if time_range is None:
        return params
    return params | {
        name: [f | {"comparator": time_range} if f["operator"] == "TEMPORAL_RANGE" else f for f in params[name]]
        for name in ("adhoc_filters", "adhoc_filters_b")
        if name in params
    }


def sql_of(client: Client, datasets: dict[str, int], question: Question) -> list[str]:
    """The queries as Superset generates them."""
    payload = body(datasets[question.dataset], question.params)
    for query in payload["queries"]:
        if limit := question.params.get("series_limit"):
            query |= {
                "series_limit": limit,
                "series_columns": question.params["groupby"],
                "series_limit_metric": question.params["series_limit_metric"],
            }
    answer = client.post("/api/v1/chart/data", payload)
    if answer.status != 200:
        raise SystemExit(f"{question.title}: {answer.status} {answer.text[:500]}")
    return [result["query"] for result in answer.json()["result"]]


def measure(connection: psycopg.Connection[Any], question: Question, statements: list[str]) -> Measured:
    rows, total = 0, 0.0
    for statement in statements:
        times = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            rows = max(rows, len(connection.execute(statement.rstrip(";\n ").encode()).fetchall()))
            times.append(1000 * (time.perf_counter() - begin))
        total += statistics.median(times)
    return Measured(question, rows, total)


def table(measured: list[Measured], log_rows: int, readings: int) -> str:
    lines = [
        f"{log_rows:,} rows of `etl_log` over {log_rows // 20 * 5 / 1440:,.0f} days, {readings:,} readings over"
        f" {readings / 864_000:,.1f} days; the default time range; median of {RUNS} runs, embedded PostgreSQL.",
        "",
        "| dashboard | chart | rows | ms |",
        "|---|---|---:|---:|",
        *(f"| {m.question.dashboard} | {m.question.title} | {m.rows:,} | {m.milliseconds:,.1f} |" for m in measured),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--log-rows", type=int, default=LOG_ROWS)
    parser.add_argument("--readings", type=int, default=READINGS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etl-benchmark-") as folder:
        venv = Settings.load().superset_venv or PROJECT_ROOT / ".services" / "superset" / "venv"
        settings = Settings.load(home=Path(folder), superset_venv=venv, database_url=None)
        try:
            measured = _measure_all(settings, arguments.log_rows, arguments.readings)
        finally:
            services.down(settings, _tell, delete_data=True)
    figures = table(measured, arguments.log_rows, arguments.readings)
    sys.stdout.write(figures)
    if (arguments.log_rows, arguments.readings) == (LOG_ROWS, READINGS):
        before, _, rest = DOCUMENT.read_text("utf-8").partition(_BEGIN)
        DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{figures}\n{_END}{rest.partition(_END)[2]}", "utf-8")
    slow = [m.question.title for m in measured if m.milliseconds > TARGET_MS]
    if slow:
        sys.stderr.write(f"Longer than {TARGET_MS:.0f} ms: {', '.join(slow)}\n")
    return 1 if slow else 0


def _measure_all(settings: Settings, log_rows: int, readings: int) -> list[Measured]:
    postgres = services.up_postgres(settings, _tell)
    settings = Settings.load(home=settings.home, superset_venv=settings.superset_venv, database_url=None)
    init_tables(settings, load_contracts(settings))
    engine: Engine = make_engine(settings)
    with engine.connect() as connection:
        fill(connection, _tell, log_rows=log_rows, readings=readings)
    engine.dispose()
    ready = superset.up(settings, postgres, _tell)
    client = Client(ready.service.endpoint)
    client.sign_in("viewer", keys.passwords(ready.sign_in_file.parent)[0]["viewer"])
    datasets = {dataset["uuid"]: dataset["id"] for dataset in client.all("dataset", "uuid")}
    bundle = assets.read(assets.FOLDER)
    asked = [*questions(bundle), *filtered(bundle)]
    statements_of = [(question, sql_of(client, datasets, question)) for question in asked]
    superset.stop(settings, _tell)
    url = settings.database().get_secret_value().replace("+psycopg", "")
    # Those of Superset's connection.
    options = product_of_data(settings).dashboard_arguments["options"]
    with psycopg.connect(url, options=options) as connection:
        return [measure(connection, question, statements) for question, statements in statements_of]


def _tell(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {message}\n")


if __name__ == "__main__":
    sys.exit(main())
