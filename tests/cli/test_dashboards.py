"""Superset in the foreground, up to the point where a real one is needed (tests/superset)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_app import etl

URL = "postgresql://u:c4n4ry@127.0.0.1:9/d"


@pytest.mark.parametrize("address", ["8088", ":8088", "0.0.0.0:", "0.0.0.0:http"])
def test_an_address_has_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    done = etl("dashboards", "--listen", address, ETL_HOME=str(tmp_path))
    assert done.returncode == 2
    assert f"--listen {address}: it is not HOST:PORT" in done.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "uses no embedded PostgreSQL"),
        ({"ETL_SUPERSET_DATABASE_URL": URL}, "uses no embedded PostgreSQL"),
        (
            {"ETL_SUPERSET_DATABASE_URL": URL, "ETL_SUPERSET_METADATA_URL": "mssql+pyodbc://u:c4n4ry@h/d"},
            "ETL_SUPERSET_METADATA_URL: Superset's metadata can only be in PostgreSQL",
        ),
        (
            {"ETL_SUPERSET_DATABASE_URL": URL, "ETL_SUPERSET_METADATA_URL": "c4n4ry"},
            "ETL_SUPERSET_METADATA_URL is not a database URL",
        ),
    ],
)
def test_databases_that_are_missing_or_cannot_be_used_are_named(tmp_path: Path, env: dict[str, str], said: str) -> None:
    done = etl("dashboards", "--listen", "127.0.0.1:8088", ETL_HOME=str(tmp_path), **env)
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert "Remedy: " in done.stderr
    assert "c4n4ry" not in done.stderr + done.stdout
    assert not (tmp_path / ".services" / "postgres").exists()
