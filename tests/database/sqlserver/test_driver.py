"""Which driver is used for SQL Server, what it gets, and what a user without one reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from etl.database import database_url, make_engine, place_of, shown_url
from etl.database.product import Limits
from etl.database.sqlserver.driver import DRIVERS, connection_string, odbc_driver
from etl.errors import ConfigurationError
from etl.settings import Settings

LIMITS = Limits("notebook-test", 10, 300)
MS18, MS17, FREETDS = DRIVERS


def told(url: str, driver: str | None = MS18) -> dict[str, str]:
    """What the driver gets, key by key."""
    settings = Settings.load(database_url=url)
    text = connection_string(database_url(settings), driver, LIMITS)
    assert text.endswith(";")
    return dict(part.split("=", 1) for part in text[:-1].split(";"))


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ([FREETDS, MS17, MS18, "PostgreSQL Unicode"], MS18),
        ([FREETDS, MS17], MS17),
        (["SQLite3", FREETDS], FREETDS),
    ],
)
def test_the_newest_driver_of_microsoft_is_taken_and_freetds_last(installed: list[str], expected: str) -> None:
    assert odbc_driver(make_url("mssql+pyodbc://u:p@h/d"), installed) == expected


def test_without_a_driver_it_is_said_what_to_install() -> None:
    with pytest.raises(
        ConfigurationError, match=r"No ODBC driver for SQL Server is installed \(installed: SQLite3\)"
    ) as caught:
        odbc_driver(make_url("mssql+pyodbc://u:p@h/d"), ["SQLite3"])
    assert "docs/sqlserver.md" in caught.value.remedy


def test_a_driver_that_the_url_names_must_be_there() -> None:
    url = make_url("mssql+pyodbc://u:p@h/d?Driver=ODBC+Driver+11+for+SQL+Server")
    with pytest.raises(
        ConfigurationError, match="'ODBC Driver 11 for SQL Server' of ETL_DATABASE_URL is not installed"
    ):
        odbc_driver(url, [MS18])
    assert odbc_driver(url, ["ODBC Driver 11 for SQL Server", MS18]) == "ODBC Driver 11 for SQL Server"


@pytest.mark.parametrize("scheme", ["mssql", "mssql+pyodbc"])
def test_the_usual_url(scheme: str) -> None:
    assert told(f"{scheme}://etl:geheim@db.example.org:1433/iot") == {
        "DRIVER": "{ODBC Driver 18 for SQL Server}",
        "Server": "db.example.org,1433",
        "Database": "iot",
        "UID": "etl",
        "PWD": "geheim",
        "APP": "{notebook-test}",
    }


def test_options_go_to_the_driver_as_they_are_written() -> None:
    found = told("mssql+pyodbc://etl:x@h/iot?Encrypt=strict&TrustServerCertificate=yes&MultiSubnetFailover=Yes")
    assert (found["Encrypt"], found["TrustServerCertificate"], found["MultiSubnetFailover"]) == ("strict", "yes", "Yes")


@pytest.mark.parametrize("host", ["db\\SQLEXPRESS", "db%5CSQLEXPRESS"])
def test_a_named_instance(host: str) -> None:
    assert told(f"mssql+pyodbc://etl:x@{host}/iot")["Server"] == "{db\\SQLEXPRESS}"


def test_azure_active_directory() -> None:
    identity = told("mssql+pyodbc://h.database.windows.net/iot?Authentication=ActiveDirectoryMsi")
    assert identity["Authentication"] == "ActiveDirectoryMsi"
    assert not {"UID", "PWD", "Trusted_Connection"} & set(identity)
    principal = told(
        "mssql+pyodbc://app-id:key@h.database.windows.net/iot?Authentication=ActiveDirectoryServicePrincipal"
    )
    assert (principal["UID"], principal["Authentication"]) == ("{app-id}", "ActiveDirectoryServicePrincipal")


def test_without_a_user_it_is_the_one_who_is_logged_in() -> None:
    assert told("mssql+pyodbc://h/iot")["Trusted_Connection"] == "yes"


def test_freetds_gets_its_own_words() -> None:
    found = told("mssql+pyodbc://etl:x@h:1444/iot?Encrypt=yes&TrustServerCertificate=yes", FREETDS)
    assert (found["Server"], found["Port"], found["TDS_Version"], found["Encryption"]) == (
        "h",
        "1444",
        "7.4",
        "require",
    )
    assert not {"Encrypt", "TrustServerCertificate"} & set(found)


def test_mssql_python_brings_its_own_driver() -> None:
    found = told("mssql+mssqlpython://etl:x@h/iot", None)
    assert "DRIVER" not in found
    assert "APP" not in found


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mssql+pyodbc://etl:canary@/iot", "lacks the host or the database"),
        ("mssql+pyodbc://etl:canary@host", "lacks the host or the database"),
        ("mssql+pyodbc://etl:canary@host/iot?odbc_connect=x", "'odbc_connect' is not supported"),
        ("mssql+pymssql://etl:canary@host/iot", r"'mssql\+pymssql' is not supported"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        database_url(Settings.load(database_url=url))
    assert "canary" not in str(caught.value)


def test_no_password_is_shown() -> None:
    settings = Settings.load(database_url="mssql+pyodbc://etl:canary@host/iot?Encrypt=yes&pwd=canary")
    assert shown_url(settings) == "mssql://etl:***@host/iot?Encrypt=yes"


def _run(code: str, tmp_path: Path, url: str) -> str:
    """Run some code where pyodbc and mssql-python cannot be imported, as on a machine without unixODBC."""
    for name in ("pyodbc", "mssql_python"):
        reason = "libodbc.so.2: cannot open shared object file: No such file or directory"
        (tmp_path / f"{name}.py").write_text(f"raise ImportError({reason!r})\n")
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path), "ETL_HOME": str(tmp_path), "ETL_DATABASE_URL": url, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


_MAKE_ENGINE = (
    "from etl.settings import Settings\nfrom etl.database import make_engine\nfrom etl.errors import ConfigurationError\n"
    "try:\n    make_engine(Settings.load())\n    print('fine')\nexcept ConfigurationError as error:\n    print(error)\n"
)


def test_postgresql_does_not_ask_for_odbc(tmp_path: Path) -> None:
    assert _run(_MAKE_ENGINE, tmp_path, "postgresql://etl:x@host/iot").strip() == "fine"


def test_without_unixodbc_it_is_said_what_to_install(tmp_path: Path) -> None:
    found = _run(_MAKE_ENGINE, tmp_path, "mssql+pyodbc://etl:canary@host/iot")
    assert "pyodbc cannot be imported (libodbc.so.2" in found
    assert "unixODBC is missing" in found
    assert "Install unixODBC: " in found
    assert "canary" not in found
    found = _run(_MAKE_ENGINE, tmp_path, "mssql+mssqlpython://etl:canary@host/iot")
    assert "asks for mssql-python, which cannot be imported" in found
    assert "pip install" in found


def test_postgresqls_place_has_its_port() -> None:
    engine = make_engine(Settings.load(database_url="postgresql://etl:x@host/iot"))
    assert place_of(engine) == "host:5432/iot"
    engine.dispose()
