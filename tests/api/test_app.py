"""The application on a real server and database: health, documents, roles, limits, origins."""

from __future__ import annotations

import re

import httpx
import pytest

from etl.api.app import create_app
from etl.api.engines import reading_engine, writing_engine
from etl.database import transaction
from etl.errors import ConfigurationError, EtlError
from etl.settings import Settings
from tests.support.api import Api, new_token, serving
from tests.support.stack import Project


def test_health_needs_no_token_and_ready_looks_at_the_database(api: Api) -> None:
    assert api.get("/health").json() == {"status": "alive"}
    token = new_token(api.project.settings)
    assert api.get("/ready", token).json() == {"status": "ready"}
    api.project.sql("UPDATE alembic_version SET version_num = '0011'")
    refused = api.get("/ready", token)
    assert refused.status_code == 503
    assert "python -m etl init" in refused.json()["remedy"]
    assert api.get("/health").status_code == 200


def test_the_document_needs_no_database_and_names_feeds_and_problems(settings: Settings) -> None:
    document = create_app(settings).openapi()
    assert "ProblemDocument" in document["components"]["schemas"]
    latest = document["paths"]["/feeds/{feed}/latest"]["get"]
    (feed,) = [parameter for parameter in latest["parameters"] if parameter["name"] == "feed"]
    assert "sensor_readings" in feed["schema"]["enum"]
    assert {"401", "403", "404", "422", "429", "503"} <= latest["responses"].keys()
    assert latest["security"] == [{"HTTPBearer": []}, {"HTTPBasic": []}]
    assert "security" not in document["paths"]["/health"]["get"]


def test_the_page_of_the_documents_asks_no_other_host(api: Api) -> None:
    token = new_token(api.project.settings)
    page = api.get("/docs", token)
    assert page.status_code == 200
    own = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(own) == 3
    for path in own:
        assert path.startswith("/docs/")
        assert api.get(path, token).status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert api.get("/docs/..%2fapp.py", token).status_code == 404
    assert api.get("/docs/redoc.standalone.js", token).status_code == 422


@pytest.mark.postgresql
def test_it_reads_as_the_role_of_its_own_setting_and_cannot_write(project: Project) -> None:
    role = f"{project.database}_api"
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'only-reads'".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
    try:
        place = project.env["ETL_DATABASE_URL"].rpartition("@")[2]
        url = f"postgresql://{role}:only-reads@{place}"
        settings = Settings.load(home=project.home, database_url=project.env["ETL_DATABASE_URL"], api_database_url=url)
        assert "only-reads" not in settings.mask(f"cannot reach {url}")
        token = new_token(settings)
        with serving(settings) as address:
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.get(f"{address}/ready", headers=headers, timeout=30).status_code == 200
            sessions = "SELECT usename FROM pg_stat_activity WHERE application_name = 'notebook-api'"
            assert (role,) in project.sql(f"{sessions} AND datname = '{project.database}'")
        assert project.value("SELECT count(*) FROM etl_api_token WHERE last_used_at IS NOT NULL") == 1
        alone = Settings.load(home=project.home, api_database_url=url)
        assert writing_engine(alone) is None
        with serving(alone) as address:
            assert httpx.get(f"{address}/ready", headers=headers, timeout=30).status_code == 200
    finally:
        with project.stack.connect(project.database, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.postgresql
def test_its_transactions_cannot_write_whatever_the_role_may(project: Project) -> None:
    engine = reading_engine(project.settings)
    try:
        with pytest.raises(EtlError, match="read-only transaction"), transaction(engine) as connection:
            connection.exec_driver_sql("DELETE FROM etl_log")
    finally:
        engine.dispose()


def test_a_wrong_address_of_the_database_names_its_setting(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="ETL_API_DATABASE_URL"):
        reading_engine(Settings.load(home=settings.home, api_database_url="oracle://x/y"))


def test_a_token_that_asks_too_often_is_told_when_to_come_again(project: Project) -> None:
    limited = project.settings.model_copy(update={"api_requests_per_minute": 2})
    first, second = new_token(limited, "first"), new_token(limited, "second")
    with serving(limited) as url:
        api = Api(project, url)
        assert [api.get("/ready", first).status_code for _ in range(3)] == [200, 200, 429]
        refused = api.get("/ready", first)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert api.get("/ready", second).status_code == 200


def test_other_origins_may_call_it_only_where_that_is_set(project: Project) -> None:
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    with serving(project.settings) as url:
        assert "access-control-allow-origin" not in httpx.options(f"{url}/feeds", headers=asked, timeout=30).headers
    allowed = project.settings.model_copy(update={"api_cors_origins": ("https://app.example.org",)})
    with serving(allowed) as url:
        answered = httpx.options(f"{url}/feeds", headers=asked, timeout=30)
        assert answered.headers["access-control-allow-origin"] == "https://app.example.org"
        other = httpx.options(f"{url}/feeds", headers=asked | {"Origin": "https://evil.example.org"}, timeout=30)
        assert "access-control-allow-origin" not in other.headers
