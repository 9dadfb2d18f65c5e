"""The SQL of tests: what both products take, and that the rest is refused wherever the tests run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from etl.settings import PROJECT_ROOT
from tests.support.portable import NotPortableError, json_of, tsql_of
from tests.support.servers import SQLSERVER_URL


@pytest.mark.parametrize(
    ("query", "tsql"),
    [
        ("SELECT rule FROM etl_quality ORDER BY 1 LIMIT 1", "SELECT TOP 1 [rule] FROM [etl_quality] ORDER BY 1"),
        ("SELECT DISTINCT a FROM t ORDER BY a", "SELECT DISTINCT [a] FROM [t] ORDER BY [a]"),
        ("SELECT a FROM t ORDER BY a DESC", "SELECT [a] FROM [t] ORDER BY [a] DESC"),
        ("SELECT count(*) FROM t WHERE raw_rebuilt", "SELECT COUNT_BIG(*) FROM [t] WHERE [raw_rebuilt] <> 0"),
        ("SELECT a FROM t WHERE b IS TRUE OR c = false", "SELECT [a] FROM [t] WHERE [b] = 1 OR [c] = 0"),
        ("SELECT a FROM t WHERE raw = 'é€'", "SELECT [a] FROM [t] WHERE [raw] = N'é€'"),
        ("SELECT a FROM t WHERE raw = 'e'", "SELECT [a] FROM [t] WHERE [raw] = 'e'"),
        ("SELECT a::text FROM t", "SELECT CAST([a] AS NVARCHAR(MAX)) FROM [t]"),
        ("UPDATE t SET a = a + interval '5 seconds'", "UPDATE [t] SET [a] = DATEADD(SECOND, 5, [a])"),
        ("SELECT CASE WHEN a > 1 THEN 1 ELSE 0 END FROM t", "SELECT CASE WHEN [a] > 1 THEN 1 ELSE 0 END FROM [t]"),
        (
            "SELECT t.a FROM t JOIN s ON s.a = t.a AND s.at < '2025-06-15 10:05:00+00:00'",
            "SELECT [t].[a] FROM [t] JOIN [s] ON [s].[a] = [t].[a] AND [s].[at] < '2025-06-15 10:05:00+00:00'",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT warm CHECK (a > 0)",
            "ALTER TABLE [t] ADD CONSTRAINT [warm] CHECK ([a] > 0)",
        ),
        ("ALTER TABLE t DROP CONSTRAINT warm", "ALTER TABLE [t] DROP CONSTRAINT [warm]"),
        ("INSERT INTO t (a, b) VALUES (1, true)", "INSERT INTO [t] ([a], [b]) VALUES (1, 1)"),
    ],
)
def test_what_both_products_take_is_translated(query: str, tsql: str) -> None:
    assert tsql_of(query) == tsql


@pytest.mark.parametrize(
    "query",
    [
        "SELECT interval '1 day'",
        "SELECT a - interval '1 day' FROM t",
        "SELECT s.a FROM t JOIN s USING (a)",
        "SELECT a FROM t NATURAL JOIN s",
        "SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 1",
        "SELECT a > 1 FROM t",
        "SELECT a IS NULL AS empty FROM t",
        "SELECT max(a) BETWEEN 1 AND 2 FROM t",
        "SELECT (a = 1) FROM t",
        "SELECT coalesce(a > 1, false) FROM t",
        "SELECT EXISTS (SELECT 1 FROM t)",
        "SELECT a FROM t WHERE a IN (SELECT b > 1 FROM s)",
        "SELECT a FROM t WHERE (a > 1) IS TRUE",
        "SELECT CASE WHEN a = 1 THEN b > 1 END FROM t",
        "UPDATE t SET a = b > 1",
        "SELECT a || 1 FROM t",
        "SELECT a FROM t WHERE a ILIKE 'x'",
        "SELECT a FROM t WHERE a ~ 'x'",
        "SELECT now()",
        "SELECT current_timestamp",
        "SELECT to_char(a, 'HH24') FROM t",
        "SELECT date_trunc('hour', a) FROM t",
        "SELECT extract(epoch FROM a) FROM t",
        "SELECT a AT TIME ZONE 'UTC' FROM t",
        "SELECT a FROM t WHERE at < '2025-06-15 10:05:00Z'",
        "SELECT a FROM t WHERE at < '2025-06-15T10:05:00+00'",
        "SELECT unnest(ARRAY[1, 2])",
        "SELECT a FROM t WHERE a = ANY(ARRAY[1, 2])",
        "SELECT array_agg(a) FROM t",
        "SELECT string_agg(a, ',') FROM t",
        "SELECT bool_and(a) FROM t",
        "SELECT greatest(a, b) FROM t",
        "SELECT length(a) FROM t",
        "SELECT DISTINCT ON (a) b FROM t",
        "SELECT a FROM t WHERE (a, b) = (1, 2)",
        "SELECT a FROM t WHERE (a, b) IN (SELECT a, b FROM s)",
        "SELECT a FROM t WHERE a IS DISTINCT FROM 1",
        "SELECT a, count(*) FROM t GROUP BY 1",
        "SELECT a FROM (SELECT a FROM t ORDER BY a) AS s",
        "SELECT notes ->> 'a' FROM etl_log",
        "SELECT a FROM t, LATERAL (SELECT 1) AS s",
        "SELECT a FROM t FOR UPDATE",
        "UPDATE t AS s SET a = 1 WHERE s.a = 2",
        "UPDATE t SET a = s.a FROM s WHERE s.b = t.b",
        "UPDATE t SET (a, b) = (1, 2)",
        "DELETE FROM t USING s WHERE s.a = t.a",
        "DELETE FROM t WHERE a = 1 RETURNING a",
        "INSERT INTO t (a) VALUES (1) RETURNING a",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
        "ALTER TABLE t ADD COLUMN a text",
        "CREATE TABLE t (a int)",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
        "TRUNCATE t",
        "VACUUM t",
        "VALUES (1)",
        "SELECT 1; SELECT 2",
        "SELECT FROM FROM",
    ],
)
def test_what_sql_server_does_not_take_is_refused(query: str) -> None:
    with pytest.raises(NotPortableError):
        tsql_of(query)


def test_json_is_recognised_by_the_column_and_not_by_how_a_text_looks() -> None:
    assert json_of("SELECT raw, problems FROM etl_rejected_row") == {"beside_message", "problems"}
    assert json_of("SELECT label, notes FROM sensor_data") == set()
    assert json_of("SELECT l.notes, f.offset_ranges FROM etl_log l JOIN etl_file f ON f.log_id = l.log_id") == {
        *("notes", "parameters", "offset_ranges")
    }


def test_where_there_is_a_sql_server_each_test_of_both_products_is_there_twice() -> None:
    collecting = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "both_products",
    ]
    env = {**os.environ, SQLSERVER_URL: "mssql+pyodbc://etl@nowhere/master", "PYTEST_ADDOPTS": ""}
    found = subprocess.run(collecting, env=env, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    tests = [line for line in found.stdout.splitlines() if "::" in line]
    once, again = ([test for test in tests if f"[{name}" in test] for name in ("postgresql", "sqlserver"))
    assert [test.replace("[postgresql", "[sqlserver") for test in once] == again
    assert len(tests) == len(once) + len(again) > 0
