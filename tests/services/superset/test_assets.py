"""The files of the dashboards: they fit together, and an export comes back in their form."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.database import product_named
from etl.errors import ConfigurationError
from etl.services.superset import assets
from etl.services.superset.check import require_sound

BUNDLE = assets.read(assets.FOLDER)
DASHBOARD = sorted(path for path in BUNDLE.files if path.startswith("dashboards/"))[0]
CHART = sorted(path for path in BUNDLE.files if path.startswith("charts/"))[0]
DATASET = sorted(path for path in BUNDLE.files if path.startswith("datasets/"))[0]
NOWHERE = "0b5c0000-0000-4000-8000-000000000000"

Change = Callable[[dict[str, Any]], object]


def changed(path: str, change: Change) -> assets.Bundle:
    document = yaml.safe_load(BUNDLE.files[path])
    change(document)
    return assets.Bundle({**BUNDLE.files, path: assets.dump(document)})


def placed(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [i for i in document["position"].values() if isinstance(i, dict) and i["type"] == "CHART"]


def test_the_files_are_sound() -> None:
    require_sound(BUNDLE)


def test_the_files_are_in_the_form_of_an_export() -> None:
    assert assets.normalised(BUNDLE.files, BUNDLE) == BUNDLE, "run `make dashboards-export`"


def test_the_database_is_one_without_a_password() -> None:
    (document,) = BUNDLE.documents("databases").values()
    assert document["database_name"] == "etl"
    assert document["uuid"] == "39e64f8c-a8f4-53d2-924e-fbca252b1c86"
    assert document["sqlalchemy_uri"] == "postgresql+psycopg2://etl_reader@127.0.0.1:5432/etl"
    assert document["allow_dml"] is False
    assert document["allow_csv_upload"] is False


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        (DASHBOARD, lambda d: placed(d)[0]["meta"].pop("chartId"), "has no chartId"),
        (DASHBOARD, lambda d: placed(d)[0]["meta"].pop("uuid"), "is in no file of charts/"),
        (DASHBOARD, lambda d: placed(d)[0]["meta"].update(uuid=NOWHERE), f"'{NOWHERE}' is in no file of charts/"),
        (
            DASHBOARD,
            lambda d: placed(d)[0]["meta"].update(chartId=placed(d)[1]["meta"]["chartId"]),
            "another chart has",
        ),
        (DASHBOARD, lambda d: d["position"]["GRID_ID"].update(children=[]), "is in 0 rows"),
        (DASHBOARD, lambda d: d["position"].pop(placed(d)[0]["id"]), "is placed but does not exist"),
        (DASHBOARD, lambda d: d.update(position={}), "has no charts"),
        (DASHBOARD, lambda d: d.update(uuid=yaml.safe_load(BUNDLE.files[CHART])["uuid"]), "is in 2 files"),
        (CHART, lambda d: d.update(dataset_uuid=NOWHERE), "is in no file of datasets/"),
        (DATASET, lambda d: d.update(database_uuid=NOWHERE), "is in no file of databases/"),
    ],
)
def test_a_reference_that_leads_nowhere_is_reported_with_its_file(path: str, change: Change, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_sound(changed(path, change))
    assert f"{path}: " in str(refused.value)
    assert told in str(refused.value)


def test_a_filter_on_a_column_that_is_not_there_is_reported() -> None:
    target = {"datasetUuid": yaml.safe_load(BUNDLE.files[DATASET])["uuid"], "column": {"name": "nowhere"}}
    found = {"name": "Place", "targets": [target]}
    bundle = changed(DASHBOARD, lambda d: d["metadata"].update(native_filter_configuration=[found]))
    with pytest.raises(ConfigurationError, match=r"filter Place: .* has no column 'nowhere'"):
        require_sound(bundle)


@pytest.mark.parametrize(
    ("text", "told"), [("a: [1", "is not YAML"), ("title: x\n", "has no uuid"), ("- 1\n", "has no uuid")]
)
def test_a_file_that_is_no_asset_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"charts/new.yaml.*{told}"):
        require_sound(assets.Bundle({**BUNDLE.files, "charts/new.yaml": text}))


# --- export ----------------------------------------------------------------------------------------------------------


def as_exported() -> dict[str, str]:
    """The files as another machine's Superset gives them: other numbers, names and orders, and what pages write."""
    exported = {}
    for number, (path, text) in enumerate(BUNDLE.files.items()):
        document = yaml.load(text, yaml.CSafeLoader)
        kind = path.partition("/")[0]
        if kind == "databases":
            document["sqlalchemy_uri"] = "postgresql+psycopg2://etl_reader@db.example.org:6543/iot"
        if kind == "datasets":
            document["columns"].reverse()
        if kind == "charts":
            document["params"] |= {"datasource": "77__table", "slice_id": 5, "dashboards": [3], "url_params": {}}
            document["query_context"] = '{"datasource": {"id": 77}}'
        if kind == "dashboards":
            _as_exported_dashboard(document)
        name = path if path == "metadata.yaml" else path.replace(".yaml", f"_{number}.yaml")
        exported[name] = yaml.safe_dump(document, sort_keys=False)
    return exported


def _as_exported_dashboard(document: dict[str, Any]) -> None:
    for chart in placed(document):
        chart["meta"]["chartId"] += 100
    metadata = document["metadata"]
    metadata["chart_configuration"] = {
        str(chart["meta"]["chartId"]): {
            "id": chart["meta"]["chartId"],
            "crossFilters": {"scope": "global", "chartsInScope": [101]},
        }
        for chart in placed(document)
    }
    metadata["global_chart_configuration"] = {
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "chartsInScope": [101],
    }
    metadata["shared_label_colors"] = ["a"]
    for found in metadata.get("native_filter_configuration") or []:
        found["chartsInScope"], found["tabsInScope"] = [101], []
        found["scope"]["excluded"] = [number + 100 for number in found["scope"]["excluded"]]


def test_an_export_of_another_machine_gives_the_same_files() -> None:
    assert assets.normalised(as_exported(), BUNDLE) == BUNDLE


def test_the_files_are_those_for_postgresql() -> None:
    assert assets.for_product(BUNDLE, product_named("postgresql")) == BUNDLE


def test_for_another_product_only_schema_and_connection_differ_and_an_export_of_it_gives_the_files() -> None:
    sqlserver = product_named("sqlserver")
    there = assets.for_product(BUNDLE, sqlserver)
    changed = {path for path in BUNDLE.files if there.files[path] != BUNDLE.files[path]}
    assert changed == {*BUNDLE.documents("databases"), *BUNDLE.documents("datasets")}
    for path, dataset in there.documents("datasets").items():
        assert dataset == yaml.safe_load(BUNDLE.files[path]) | {"schema": "dbo"}
    (database,) = there.documents("databases").values()
    assert database["extra"]["engine_params"] == {"connect_args": {"timeout": 10}}
    assert database["extra"]["allows_virtual_table_explore"] is True
    assert assets.normalised(there.files, BUNDLE, sqlserver.schema) == BUNDLE
    assert there.sha256 != BUNDLE.sha256, "so it is imported again where the product changes"


def test_new_charts_get_the_name_of_their_title_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    assets.write(tmp_path, BUNDLE)
    exported = as_exported()
    old = next(path for path in exported if path.startswith("charts/"))
    document = yaml.safe_load(exported.pop(old)) | {"uuid": NOWHERE, "slice_name": "Rows: per hour!"}
    exported["charts/x_9.yaml"] = yaml.safe_dump(document)
    written = assets.write(tmp_path, assets.normalised(exported, BUNDLE))
    assert len(written) == 2
    assert (tmp_path / "charts" / "rows_per_hour.yaml").exists()
    assert len(list((tmp_path / "charts").glob("*.yaml"))) == len(BUNDLE.documents("charts"))


def test_assets_of_other_databases_are_not_exported() -> None:
    exported = as_exported()
    dataset = yaml.safe_load(next(text for path, text in exported.items() if path.startswith("datasets/")))
    chart = yaml.safe_load(next(text for path, text in exported.items() if path.startswith("charts/")))
    exported["databases/other.yaml"] = yaml.safe_dump({"uuid": "d", "database_name": "other"})
    exported["datasets/other/t.yaml"] = yaml.safe_dump(dataset | {"uuid": "t", "database_uuid": "d"})
    exported["charts/other.yaml"] = yaml.safe_dump(chart | {"uuid": "c", "dataset_uuid": "t"})
    assert assets.normalised(exported, BUNDLE) == BUNDLE


def test_a_cross_filter_that_is_not_the_usual_one_keeps_its_charts_by_number() -> None:
    document = yaml.safe_load(BUNDLE.files[DASHBOARD])
    first, second = (chart["meta"]["chartId"] for chart in placed(document)[:2])
    entry = {"id": first, "crossFilters": {"scope": {"rootPath": ["ROOT_ID"], "excluded": [second]}}}
    own = changed(DASHBOARD, lambda d: d["metadata"].update(chart_configuration={str(first): copy.deepcopy(entry)}))
    exported = as_exported()
    path = next(path for path in exported if yaml.safe_load(exported[path]).get("uuid") == document["uuid"])
    moved = yaml.safe_load(exported[path])
    moved["metadata"]["chart_configuration"][str(first + 100)] = {
        "id": first + 100,
        "crossFilters": {"scope": {"rootPath": ["ROOT_ID"], "excluded": [second + 100]}, "chartsInScope": [101]},
    }
    exported[path] = yaml.safe_dump(moved, sort_keys=False)
    assert assets.normalised(exported, own) == own


def test_text_of_several_lines_is_written_as_lines() -> None:
    assert assets.dump({"sql": "SELECT 1\nFROM t\n"}) == "sql: |\n  SELECT 1\n  FROM t\n"
