"""Who may do what: nobody without a password, viewers look and filter, Superset itself only reads."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest

from etl.services.superset import assets
from tests.superset.client import Client
from tests.superset.conftest import Site
from tests.superset.queries import body, paged


def test_nobody_comes_in_without_signing_in(site: Site) -> None:
    nobody = Client(site.service.endpoint)
    for path in ("/api/v1/dashboard/", "/api/v1/chart/", "/api/v1/database/", "/api/v1/me/"):
        assert nobody.get(path).status in (401, 403, 404), path
        assert "result" not in nobody.get(path).text or not nobody.get(path).json().get("result"), path
    assert nobody.post("/api/v1/chart/data", {"queries": []}).status in (400, 401, 403)
    slug = site.client("admin").all("dashboard", "slug")[0]["slug"]
    page = nobody.get(f"/superset/dashboard/{slug}/")
    assert 'name="password"' in page.text or "/login/" in page.text
    assert "dashboard_title" not in page.text


@pytest.mark.parametrize("username", ["admin", "analyst", "viewer", "nobody"])
def test_a_wrong_password_is_refused(site: Site, username: str) -> None:
    for password in ("admin", "viewer", "", "general", "password"):
        assert Client(site.service.endpoint).sign_in(username, password).status in (400, 401)


@pytest.mark.parametrize("username", ["viewer", "analyst"])
def test_a_viewer_looks_and_filters_and_does_not_write(site: Site, username: str) -> None:
    viewer, admin = site.client(username), site.client("admin")
    dashboards, charts = viewer.all("dashboard"), viewer.all("chart")
    assert len(dashboards) == len(admin.all("dashboard")) > 0
    assert len(charts) == len(admin.all("chart")) > 0
    dashboard, chart = dashboards[0]["id"], charts[0]["id"]
    dataset, database = admin.all("dataset")[0]["id"], admin.all("database")[0]["id"]
    chart_of_mine = {"slice_name": "x", "viz_type": "table", "datasource_id": dataset, "datasource_type": "table"}
    refused: list[tuple[str, str, Any]] = [
        ("PUT", f"/api/v1/dashboard/{dashboard}", {"dashboard_title": "x"}),
        ("POST", "/api/v1/dashboard/", {"dashboard_title": "x"}),
        ("DELETE", f"/api/v1/dashboard/{dashboard}", None),
        ("POST", "/api/v1/chart/", chart_of_mine),
        ("PUT", f"/api/v1/chart/{chart}", {"slice_name": "x"}),
        ("DELETE", f"/api/v1/chart/{chart}", None),
        ("PUT", f"/api/v1/dataset/{dataset}", {"description": "x"}),
        ("PUT", f"/api/v1/database/{database}", {"database_name": "x"}),
        ("POST", "/api/v1/database/", {"database_name": "x", "sqlalchemy_uri": "sqlite://"}),
        ("POST", "/api/v1/sqllab/execute/", {"database_id": database, "sql": "SELECT 1"}),
        ("POST", "/api/v1/assets/import/", {}),
        ("GET", "/api/v1/assets/export/", None),
        ("GET", f"/api/v1/dashboard/export/?q=!({dashboard})", None),
        ("GET", "/api/v1/security/users/", None),
        ("GET", "/api/v1/security/roles/", None),
    ]
    answers = {(method, path): viewer.request(method, path, body).status for method, path, body in refused}
    assert {asked: status for asked, status in answers.items() if status not in (403, 404)} == {}
    assert answers["PUT", f"/api/v1/dashboard/{dashboard}"] == 403
    assert answers["POST", "/api/v1/chart/"] == 403
    assert answers["POST", "/api/v1/sqllab/execute/"] == 403
    same = {"description": next(c["description"] for c in admin.all("chart", "description") if c["id"] == chart)}
    assert admin.request("PUT", f"/api/v1/chart/{chart}", same).status == 200, "an admin may"


def test_an_analyst_downloads_rows_as_csv_and_a_viewer_does_not(site: Site) -> None:
    chart = assets.read(assets.FOLDER).documents("charts")["charts/rows.yaml"]
    answers = {}
    for user in ("viewer", "analyst"):
        client = site.client(user)
        datasets = {dataset["uuid"]: dataset["id"] for dataset in client.all("dataset", "uuid")}
        asked = body(datasets[chart["dataset_uuid"]], chart["params"]) | {"queries": paged(chart["params"])}
        assert client.post("/api/v1/chart/data", asked).status == 200, "both see the rows"
        answers[user] = client.post("/api/v1/chart/data", asked | {"result_format": "csv"})
    assert {user: answer.status for user, answer in answers.items()} == {"viewer": 403, "analyst": 200}
    header, *rows = answers["analyst"].text.splitlines()
    assert len(header.split(",")) == len(chart["params"]["all_columns"])
    assert len(rows) == chart["params"]["row_limit"]
    # Whichever feed was read last has the newest readings.
    newest = "SELECT feed FROM v_etl_readings ORDER BY event_time DESC, sensor, measure"
    feeds = [str(feed) for (feed,) in site.sql(newest)[: len(rows)]]
    assert Counter(row.split(",")[1] for row in rows) == Counter(feeds)


@pytest.mark.postgresql
def test_the_role_of_the_data_reads_and_does_not_write(site: Site) -> None:
    writing = (
        "INSERT INTO sensor_data SELECT * FROM sensor_data LIMIT 1",
        "UPDATE etl_log SET status = 'SUCCESS'",
        "DELETE FROM etl_rejected_row",
        "TRUNCATE etl_log",
        "DROP VIEW v_sensor_data",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
    )
    with site.connect() as owner:
        owner.execute("CREATE TABLE made_later (x int)")
    try:
        with site.connect("reader") as connection:
            # Without the transaction's own protection: the rights alone must hold.
            connection.execute("SET default_transaction_read_only = off")
            for statement in writing:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
            for table in ("etl_log", "sensor_data", "v_sensor_data", "made_later"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() is not None
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(connection.info.dsn, password=connection.info.password, dbname="superset").close()
    finally:
        with site.connect() as owner:
            owner.execute("DROP TABLE made_later")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "expression",
    [
        "lo_create(0)",
        "(SELECT count(*) FROM pg_authid)",
        "nextval('etl_log_log_id_seq')",
        "query_to_xml('DELETE FROM etl_log', true, true, '')",
        "pg_read_file('/etc/passwd')",
    ],
)
def test_an_expression_of_a_chart_changes_nothing_and_reads_no_secret(site: Site, expression: str) -> None:
    dataset = site.client("admin").all("dataset")[0]["id"]
    query = {"metrics": [{"expressionType": "SQL", "sqlExpression": expression, "label": "x"}], "row_limit": 1}
    body = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
    answer = site.client("viewer").post("/api/v1/chart/data", body)
    assert answer.status >= 400, answer.text


def test_pages_may_talk_to_no_other_host(site: Site) -> None:
    import urllib.request

    with urllib.request.urlopen(f"{site.service.endpoint}/login/", timeout=120) as response:
        policy = response.headers["Content-Security-Policy"]
    assert "http:" not in policy
    assert "https:" not in policy
    assert "scarf" not in policy
    assert "default-src 'self'" in policy
