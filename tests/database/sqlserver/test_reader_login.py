"""The user of SQL Server who may only read: how it is found and created, and what the errors say. No server is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlalchemy import make_url

from etl.database import product_named
from etl.database.product import Rights
from etl.database.sqlserver.driver import DRIVERS, FREETDS, wheel_driver
from etl.database.sqlserver.product import offline_dialect
from etl.database.sqlserver.reader_login import (
    ABOUT,
    GRANT,
    MAKE_CONTAINED_USER,
    MAKE_LOGIN,
    MAKE_USER,
    RIGHTS,
    make,
    rights_on,
)
from etl.errors import ConfigurationError, EtlError
from etl.services.superset import user_database
from etl.settings import PROJECT_ROOT, Settings
from tests.support.stack import quiet
from tests.support.tds import Refusal, tds_server
from tests.support.tsql import parse

SQL_SERVER = product_named("sqlserver")
BOXED, AZURE = 3, 5


class Administrator:
    """A connection that knows what its user may do, and records what it is asked to do."""

    def __init__(self, *about: int | None) -> None:
        self.about = about
        self.dialect = offline_dialect()
        self.done: list[tuple[str, Any]] = []

    def exec_driver_sql(self, statement: str, bound: Any = None) -> Any:
        if statement in (ABOUT, RIGHTS):
            return _Row(self.about)
        self.done.append((statement, bound))
        return None


class _Row:
    def __init__(self, values: tuple[int | None, ...]) -> None:
        self.values = values

    def one(self) -> tuple[int | None, ...]:
        return self.values


@pytest.mark.parametrize("statement", [RIGHTS, ABOUT, MAKE_LOGIN, MAKE_CONTAINED_USER])
def test_the_statements_are_t_sql(statement: str) -> None:
    assert parse(statement)


def test_an_administrator_makes_login_user_and_right_and_the_password_is_in_no_text() -> None:
    connection = Administrator(BOXED, 1, 1, 1, None, None)
    assert make(connection, "etl_reader", "canary")  # type: ignore[arg-type]
    texts = [statement for statement, _ in connection.done]
    assert texts == [MAKE_LOGIN, MAKE_USER.format(name="[etl_reader]"), GRANT.format(name="[etl_reader]")]
    assert "canary" not in str(texts)
    assert connection.done[0][1] == ("etl_reader", "canary")


def test_azure_sql_has_its_users_in_the_database() -> None:
    connection = Administrator(AZURE, None, 1, 1, None, None)
    assert make(connection, "etl_reader", "canary")  # type: ignore[arg-type]
    assert [statement for statement, _ in connection.done] == [
        MAKE_CONTAINED_USER,
        GRANT.format(name="[etl_reader]"),
    ]


@pytest.mark.parametrize(
    "about",
    [
        (BOXED, 0, 1, 1, None, None),
        (BOXED, 1, 0, 1, None, None),
        (BOXED, 1, 1, 0, None, None),
        (AZURE, 0, 0, 1, None, None),
        (BOXED, 1, 1, 1, 267, None),
        (BOXED, 1, 1, 1, None, 5),
    ],
)
def test_nothing_is_done_without_the_right_or_where_somebody_has_the_name(about: tuple[int | None, ...]) -> None:
    connection = Administrator(*about)
    assert not make(connection, "etl_reader", "canary")  # type: ignore[arg-type]
    assert connection.done == []


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ((1, 0, 0, 0), Rights(read=True, write=False)),
        ((0, 0, 0, 0), Rights(read=False, write=False)),
        ((1, 1, 0, 0), Rights(read=True, write=True)),
        ((1, 0, 1, 0), Rights(read=True, write=True)),
        ((1, 0, 0, 1), Rights(read=True, write=True)),
        ((None, None, None, None), None),
    ],
)
def test_any_right_to_change_rows_counts(granted: tuple[int | None, ...], expected: Rights | None) -> None:
    assert rights_on(Administrator(*granted), "etl_log") == expected  # type: ignore[arg-type]


def test_the_statements_for_administrators_are_those_of_the_manual() -> None:
    manual = (PROJECT_ROOT / "docs" / "security.md").read_text("utf-8")
    for statement in SQL_SERVER.reader_sql.replace("'…'", "'change-me-3'").split("; "):
        assert statement.rstrip(";") in manual
    assert sqlglot.parse(product_named("postgresql").reader_sql, dialect="postgres")


# --- the URL that Superset gets --------------------------------------------------------------------------------------


def dashboard(url: str) -> dict[str, Any]:
    pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    found = SQL_SERVER.dashboard_url(SQL_SERVER.complete(make_url(url)))
    assert found.drivername == "mssql+pyodbc"
    return dict(found.query)


@pytest.fixture
def library(tmp_path: Path) -> str:
    """A driver as a path, which need not be known to unixODBC."""
    (tmp_path / "libmsodbcsql-18.so").touch()
    return str(tmp_path / "libmsodbcsql-18.so")


def test_options_go_along_and_ours_do_not(library: str) -> None:
    given = f"mssql+pyodbc://etl_reader:x@h/iot?driver={library}&TrustServerCertificate=yes"
    assert dashboard(given) == {
        "driver": library,
        "TrustServerCertificate": "yes",
        "APP": "notebook-superset",
    }


def test_an_azure_identity_keeps_sqlalchemy_from_asking_for_a_windows_login(library: str) -> None:
    found = dashboard(f"mssql+pyodbc://h/iot?driver={library}&Authentication=ActiveDirectoryMsi")
    assert found["authentication"] == "ActiveDirectoryMsi"
    assert "Authentication" not in found


def test_freetds_gets_its_own_words_and_no_password_that_it_would_misread(tmp_path: Path) -> None:
    (tmp_path / "libtdsodbc.so").touch()
    given = f"h/iot?driver={tmp_path / 'libtdsodbc.so'}&Encrypt=yes"
    found = dashboard(f"mssql+pyodbc://etl_reader:x@{given}")
    assert (found["TDS_Version"], found["Encryption"], found["port"]) == ("7.4", "require", "1433")
    with pytest.raises(ConfigurationError, match="FreeTDS cannot be given") as refused:
        dashboard(f"mssql+pyodbc://etl_reader:canary;}}@{given}")
    assert "canary" not in str(refused.value)


def test_mssql_pythons_driver_serves_superset_where_the_system_has_none_of_microsoft() -> None:
    pyodbc = pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    system = [name for name in DRIVERS if name in pyodbc.drivers()]
    wheel = wheel_driver()
    if not system and wheel is None:
        pytest.skip("SQL Server: there is no driver at all")
    found = dashboard("mssql+mssqlpython://etl_reader:x@h/iot")["driver"]
    microsoft = [name for name in system if name != FREETDS]
    assert found == [*microsoft, *([wheel] if wheel else []), *system][0]


def test_a_user_with_a_password_is_no_azure_identity() -> None:
    url = make_url("mssql+pyodbc://h/iot?Authentication=ActiveDirectoryMsi&Encrypt=yes")
    found = SQL_SERVER.as_user(url, "etl_reader", "secret").render_as_string(hide_password=False)
    assert found == "mssql+pyodbc://etl_reader:secret@h/iot?Encrypt=yes"


# --- errors ----------------------------------------------------------------------------------------------------------


def driver() -> str:
    pyodbc = pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    if not set(DRIVERS) & set(pyodbc.drivers()):
        pytest.skip("SQL Server: no ODBC driver is installed (Debian: apt-get install unixodbc tdsodbc)")
    return "&Encrypt=no"


def test_a_wrong_password_is_reported_with_the_setting_and_without_it(tmp_path: Path) -> None:
    with tds_server(refuse=Refusal(18456, "Login failed for user 'etl_reader'.")) as server:
        url = f"mssql+pyodbc://etl_reader:canary@127.0.0.1:{server.port}/iot?a=b{driver()}"
        settings = Settings.load(home=tmp_path, superset_database_url=url)
        with pytest.raises(ConfigurationError, match="refuses user 'etl_reader'") as refused:
            user_database.reader(settings, tmp_path, quiet)
    assert "in ETL_SUPERSET_DATABASE_URL" in refused.value.remedy
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["sqlite:///s3cret", "mssql+pymssql://u:s3cret@h/d", "mssql+pyodbc://u:s3cret@/", "s3cret"]
)
def test_what_is_no_database_of_ours_is_refused_with_the_setting_and_without_showing_it(
    url: str, tmp_path: Path
) -> None:
    settings = Settings.load(home=tmp_path, superset_database_url=url)
    for look in (
        user_database.product_of_data,
        user_database.look,
        lambda settings: user_database.reader(settings, tmp_path, quiet),
    ):
        with pytest.raises(EtlError, match="ETL_SUPERSET_DATABASE_URL") as refused:
            look(settings)
        assert "s3cret" not in str(refused.value)
        assert not re.search(r"\bETL_DATABASE_URL\b", str(refused.value))


def test_the_doctor_names_the_user_who_would_read(tmp_path: Path) -> None:
    driver()
    assert user_database.look(Settings.load(home=tmp_path)) == "", "the embedded server"
    told = user_database.look(Settings.load(home=tmp_path, database_url="mssql+pyodbc://u:s3cret@h/d"))
    assert told.startswith("it reads SQL Server with a read-only user: ETL_SUPERSET_DATABASE_URL")


def test_the_product_is_that_of_the_data(tmp_path: Path) -> None:
    sqlserver, postgresql = "mssql+pyodbc://u:p@h/d", "postgresql://u:p@h/d"
    assert user_database.product_of_data(Settings.load(home=tmp_path)).name == "postgresql", "the embedded server"
    assert user_database.product_of_data(Settings.load(home=tmp_path, database_url=sqlserver)).name == "sqlserver"
    assert user_database.product_of_data(Settings.load(home=tmp_path, database_url=postgresql)).name == "postgresql"
    other = Settings.load(home=tmp_path, database_url=postgresql, superset_database_url=sqlserver)
    assert user_database.product_of_data(other).name == "sqlserver", "what Superset is given counts"


def test_a_password_among_the_options_is_kept_apart() -> None:
    url = make_url("mssql+pyodbc://u@h/d?PWD=canary&Encrypt=yes")
    found = user_database._password_apart(url)
    assert found.password == "canary"
    assert dict(found.query) == {"Encrypt": "yes"}
