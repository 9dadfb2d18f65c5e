"""`history` against a database: quick, and whole through a pipe."""

from __future__ import annotations

import subprocess
import sys

from etl.jobs.merge.job import merge
from etl.settings import PROJECT_ROOT
from tests.cli.test_imports import IMPORTS
from tests.support.stack import Project


def test_history_imports_the_database_and_nothing_else_and_is_whole_through_a_pipe(project: Project) -> None:
    merge(project.settings, project.contract)
    (row,) = project.log()
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, "history"],
        env={**project.env, "COLUMNS": "40"},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stderr.splitlines()[-1].removeprefix("imported:").split())
    assert {"sqlalchemy", "alembic"} <= imported <= {"sqlalchemy", "alembic", "pydantic_settings", "psycopg", "pyodbc"}
    header, line = done.stdout.splitlines()
    assert header.startswith("cycle ")
    started = f"{row['start_time']:%Y-%m-%d %H:%M:%S}"
    assert line.split()[:6] == [row["cycle_id"], *started.split(), "sensor_readings", "merge", "SUCCESS"]


def test_history_says_where_nothing_matches(project: Project) -> None:
    assert "No job has run yet." in project.etl("history").stdout
    merge(project.settings, project.contract)
    assert "No job matches." in project.etl("history", "--failed").stdout
