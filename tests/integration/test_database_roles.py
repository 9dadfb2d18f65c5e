"""The three roles of docs/security.md, made with exactly the SQL that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from etl.settings import PROJECT_ROOT
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql

DOCUMENT = (PROJECT_ROOT / "docs" / "security.md").read_text("utf-8")
ROLES = {"etl_migrator": "change-me-1", "etl_loader": "change-me-2", "etl_reader": "change-me-3"}


def documented() -> tuple[str, str]:
    """The SQL before the first `init`, and after it."""
    section = DOCUMENT[DOCUMENT.index("### PostgreSQL") : DOCUMENT.index("### SQL Server")]
    before, after = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return before, after


@dataclass
class Roles:
    """A fresh database with the roles."""

    project: Project
    database: str

    def url(self, role: str) -> str:
        server = self.project.stack.url(self.database).rpartition("@")[2]
        return f"postgresql://{role}:{ROLES[role]}@{server}"

    def refused(self, role: str, *statements: str) -> None:
        with psycopg.connect(self.url(role), autocommit=True) as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)

    def count(self, role: str, table: str) -> int:
        with psycopg.connect(self.url(role)) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def roles(project: Project) -> Iterator[Roles]:
    found = Roles(project, f"{project.database}_roles")
    stack = project.stack
    with stack.connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {found.database}")
    try:
        with stack.connect(found.database, autocommit=True) as connection:
            connection.execute(re.sub(r"\biot\b", found.database, documented()[0]))
        yield found
    finally:
        with stack.connect(autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {found.database} WITH (FORCE)")
            for role in ROLES:
                connection.execute(f"DROP ROLE IF EXISTS {role}")


def test_each_role_can_do_its_work_and_nothing_else(roles: Roles) -> None:
    project = roles.project
    loader = project.with_database(roles.url("etl_loader"))
    early = loader.etl("init", expect=1)
    assert "User 'etl_loader' lacks the right" in early.stderr
    assert "python -m etl init" in early.stderr
    project.etl("init", ETL_DATABASE_URL=roles.url("etl_migrator"))
    with psycopg.connect(roles.url("etl_migrator"), autocommit=True) as connection:
        connection.execute(documented()[1])

    loader.etl("init")
    loader.cycle(300, bad_share=0.2)
    loaded = roles.count("etl_reader", "v_sensor_data")
    rejected = roles.count("etl_reader", "etl_rejected_row")
    assert min(loaded, rejected) > 0

    # All that the loader's commands do works with its rights.
    loader.etl("quarantine", "replay", "--column", "humidity", "--set", "humidity=50")
    loader.etl("quarantine", "discard", "--note", "test", "--column", "temperature")
    assert roles.count("etl_loader", "sensor_data") > loaded
    with psycopg.connect(roles.url("etl_reader")) as connection:
        cycles = [
            c for (c,) in connection.execute("SELECT cycle_id FROM etl_log WHERE job_name = 'load' ORDER BY log_id")
        ]
    for cycle in reversed(cycles):
        loader.etl("undo", cycle, "--yes")
    assert roles.count("etl_loader", "sensor_data") == 0
    loader.cycle()
    assert (roles.count("etl_reader", "v_sensor_data"), roles.count("etl_reader", "etl_rejected_row")) == (
        loaded,
        rejected,
    )
    loader.etl("prune", "--delete-after", "0d")

    roles.refused(
        "etl_loader",
        "DROP TABLE sensor_data",
        "TRUNCATE sensor_data",
        "ALTER TABLE sensor_data ADD x int",
        "CREATE TABLE mine (x int)",
        "DELETE FROM etl_log",
        "UPDATE alembic_version SET version_num = 'x'",
        "CREATE VIEW mine AS SELECT 1",
    )
    roles.refused(
        "etl_reader",
        "INSERT INTO sensor_data SELECT * FROM sensor_data",
        "UPDATE etl_log SET status = 'SUCCESS'",
        "DELETE FROM etl_rejected_row",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
    )


def test_the_loader_names_what_only_the_migrator_may_change(roles: Roles) -> None:
    project = roles.project
    project.etl("init", ETL_DATABASE_URL=roles.url("etl_migrator"))
    with psycopg.connect(roles.url("etl_migrator"), autocommit=True) as connection:
        connection.execute("DROP VIEW v_room_temperatures, v_room_temperatures_latest")
        connection.execute("DROP VIEW v_etl_latest, v_etl_silent, v_etl_readings, v_etl_values")
        connection.execute("ALTER TABLE room_temperatures DROP COLUMN temp")
    run = ("run", "room_temperatures", "--messages", "10")
    refused = project.etl(*run, expect=1, ETL_DATABASE_URL=roles.url("etl_loader"))
    assert "User 'etl_loader' lacks the right" in refused.stderr
    project.etl("init", ETL_DATABASE_URL=roles.url("etl_migrator"))
    project.etl(*run, ETL_DATABASE_URL=roles.url("etl_loader"))
    assert roles.count("etl_reader", "v_room_temperatures") > 0
