"""Passwords that are set everywhere where they can be set are found nowhere, whatever works or fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from etl import services
from etl.database import shown_url
from etl.services import kafka
from etl.settings import Settings
from tests.support.sasl import sasl_broker
from tests.support.stack import Project
from tests.support.watching import watching_processes

pytestmark = pytest.mark.postgresql

NEEDLE = "c4n4ry"
"""Part of both passwords; their other characters are those that URLs, JSON, JAAS and shells treat specially."""
CANARY = NEEDLE + '/p@ss:w%rd"\\ü$'


@pytest.fixture
def guarded(project: Project, tmp_path: Path) -> Iterator[Project]:
    """The project, with passwords for both services."""
    user = f"{project.database}_user"
    with project.stack.connect(autocommit=True) as connection:
        create = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}")
        connection.execute(create.format(sql.Identifier(user), sql.Literal(CANARY)))
    server = project.stack.url(project.database).rpartition("@")[2]
    with sasl_broker(tmp_path / "broker", "etl", CANARY) as (address, opened):
        kafka.create_topics(opened, [project.topic])
        env = {
            "ETL_DATABASE_URL": f"postgresql://{user}:{quote(CANARY, safe='')}@{server}",
            "ETL_KAFKA_BOOTSTRAP": address,
            "ETL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "ETL_KAFKA_SASL_USERNAME": "etl",
            "ETL_KAFKA_SASL_PASSWORD": CANARY,
            # Nobody answers there: what the attempt leaves behind is looked at as well.
            "ETL_ALERT_URLS": f"jsons://ops:{quote(CANARY, safe='')}@127.0.0.1:9/{NEEDLE}1 slack://{NEEDLE}2/{NEEDLE}3/{NEEDLE}4",
            "ETL_HEARTBEAT_URL": f"http://127.0.0.1:9/{NEEDLE}5",
        }
        yield replace(project, env={**project.env, **env})
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {user} CASCADE")
        connection.execute(f"DROP ROLE {user}")


def texts(project: Project) -> str:
    """Every row of every table, as text."""
    tables = project.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return "\n".join(str(project.sql(f'SELECT t::text FROM "{table}" AS t')) for (table,) in tables)


@pytest.mark.timeout(600)
def test_passwords_are_found_nowhere(guarded: Project) -> None:
    outputs: list[str] = []

    def etl(*arguments: str, expect: int | None = 0, **env: str) -> str:
        run = guarded.etl(*arguments, expect=expect, **env)
        outputs.append(run.stdout + run.stderr)
        return outputs[-1]

    wrong_database = guarded.env["ETL_DATABASE_URL"].replace(NEEDLE, f"{NEEDLE}-wrong")
    quick = {"ETL_KAFKA_TIMEOUT_SECONDS": "2", "ETL_RETRY_SECONDS": "1"}
    with watching_processes() as seen:
        assert "SUCCESS" in etl("run", "--messages", "500", "-p", "bad_share=0.1")
        cycle = json.loads(guarded.etl("history", "--json").stdout)[0]["cycle_id"]
        assert "refuses user" in etl("run", expect=2, ETL_DATABASE_URL=wrong_database)
        assert "refuses user" in etl("--debug", "run", expect=1, ETL_DATABASE_URL=wrong_database)
        assert "Kafka at" in etl("--debug", "run", expect=1, ETL_KAFKA_BOOTSTRAP="127.0.0.1:9", **quick)
        etl("run", expect=1, ETL_KAFKA_SASL_PASSWORD=f"{NEEDLE}-wrong", **quick)
        etl("--debug", "history", expect=1, ETL_DATABASE_URL=f"postgresql://u:{NEEDLE}@")
        etl("alerts", "send", expect=None)
        etl("alerts", "test", expect=1)
        etl("check", expect=1)
        for command in (
            ["status"],
            ["doctor"],
            ["history"],
            ["explain", cycle],
            ["quarantine", "list"],
            ["alerts", "list"],
        ):
            # Other feeds of the project have no topic here, which doctor reports.
            told: int | None = None if command == ["doctor"] else 0
            etl(*command, expect=told)
            etl("--debug", *command, "--json", expect=told)
        etl("doctor", "--json", expect=1, ETL_DATABASE_URL=wrong_database)
        etl("doctor", "--json", expect=1, ETL_KAFKA_SASL_PASSWORD=f"{NEEDLE}-wrong", **quick)

    # The search would find something: everything it is looked for in is there.
    notebooks = list(guarded.settings.runs.glob("*/*.ipynb"))
    assert any('"output_type": "error"' in notebook.read_text("utf-8") for notebook in notebooks)
    assert guarded.value("SELECT count(*) FROM etl_log WHERE status = 'FAILED'") >= 2
    assert any(b"org.apache.spark.deploy.SparkSubmit" in line for line in seen.command_lines)
    assert "Traceback" in "".join(outputs)
    assert (guarded.home / ".services" / "spark.log").exists()
    assert guarded.value("SELECT count(*) FROM etl_alert WHERE attempts > 0") >= 2

    assert [text for text in outputs if NEEDLE in text] == []
    held = [path for path in guarded.home.rglob("*") if path.is_file() and NEEDLE.encode() in path.read_bytes()]
    assert held == []
    assert NEEDLE not in texts(guarded)
    assert [line for line in seen.command_lines if NEEDLE.encode() in line] == []
    logs = services.logs(Settings.load(home=guarded.stack.home))
    assert [log for log in logs if log.exists() and NEEDLE.encode() in log.read_bytes()] == []

    assert quote(CANARY, safe="") in guarded.etl("env").stdout, "the one command that prints it, and says so"


def test_a_password_in_the_urls_query_is_shown_to_nobody() -> None:
    url = f"postgresql://u@h:5432/d?sslmode=require&password={NEEDLE}%2Fx"
    settings = Settings.load(database_url=url)
    assert shown_url(settings) == "postgresql://u@h:5432/d?sslmode=require"
    assert NEEDLE not in settings.mask(f"{url} {NEEDLE}/x")
