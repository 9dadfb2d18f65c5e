"""Every chart of the files has data, asked for as the pages ask for it, as a viewer."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from etl.services.superset import assets
from tests.superset.client import Client
from tests.superset.conftest import Site
from tests.superset.queries import body, paged

BUNDLE = assets.read(assets.FOLDER)
CHARTS = BUNDLE.documents("charts")


@cache
def _viewer(url: str, password: str) -> tuple[Client, dict[str, int]]:
    client = Client(url)
    assert client.sign_in("viewer", password).status == 200
    return client, {dataset["uuid"]: dataset["id"] for dataset in client.all("dataset", "uuid")}


@pytest.mark.parametrize("path", sorted(CHARTS))
def test_a_chart_has_data(site: Site, path: str) -> None:
    chart = CHARTS[path]
    viewer, datasets = _viewer(site.service.endpoint, site.passwords["viewer"])
    asked = body(datasets[chart["dataset_uuid"]], chart["params"]) | {"queries": paged(chart["params"])}
    answer = viewer.post("/api/v1/chart/data", asked)
    assert answer.status == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["result"]
    assert all(result["error"] is None for result in results), answer.text
    assert any(result["rowcount"] for result in results), results[0]["query"]


def test_every_chart_is_on_a_dashboard() -> None:
    shown = {
        item["meta"]["uuid"]
        for dashboard in BUNDLE.documents("dashboards").values()
        for item in dashboard["position"].values()
        if isinstance(item, dict) and item["type"] == "CHART"
    }
    assert shown == {chart["uuid"] for chart in CHARTS.values()}
