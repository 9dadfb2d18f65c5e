"""Where contests are held: what they ask the database."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from benchmarks.arena import Ground
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


def test_a_table_is_full_with_all_of_its_rows_and_not_while_it_grows(project: Project, tmp_path: Path) -> None:
    url = project.stack.url(project.database).replace("+psycopg", "")
    ground = Ground(tmp_path, project.topic, url, project.settings, {})
    table = ground.keyed_table()
    with ground.watch(table, 2) as is_full, psycopg.connect(url) as connection:
        assert not is_full()
        connection.execute(f"INSERT INTO {table} VALUES (1, 20, 50, '2025-06-15 00:00+00')")
        connection.commit()
        assert [is_full(), is_full()] == [False, False]
        connection.execute(f"INSERT INTO {table} VALUES (2, 20, 50, '2025-06-15 00:00+00')")
        assert not is_full()
        connection.commit()
        assert is_full()
