"""`check` never ends with 1 unless something is wrong: a probe must be able to rely on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_app import etl


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ETL_DATABASE_URL": "postgresql://u:c4n4ry@127.0.0.1:9/d"}, "does not answer"),
        ({"ETL_DATABASE_URL": "nonsense://c4n4ry"}, "is not supported"),
        ({"ETL_RETRY_SECONDS": "c4n4ry"}, "ETL_RETRY_SECONDS"),
        ({}, "No database: ETL_DATABASE_URL is not set"),
    ],
)
def test_what_cannot_be_told_is_2(tmp_path: Path, env: dict[str, str], said: str) -> None:
    done = etl("check", "--json", ETL_HOME=str(tmp_path), **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Remedy: " in done.stderr
    assert "c4n4ry" not in done.stderr


def test_nor_does_it_end_with_1_where_something_is_broken(tmp_path: Path) -> None:
    (tmp_path / ".services").mkdir()
    (tmp_path / ".services" / "endpoints.json").write_text("{torn", "utf-8")
    done = etl("check", ETL_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "JSONDecodeError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kind_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    done = etl("check", "--kind", "silent_scheduel", ETL_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "'silent_scheduel' is no kind of incident" in done.stderr
    assert "silent_schedule" in done.stderr
