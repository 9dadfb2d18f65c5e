"""Which driver connects to SQL Server, and the connection string that it gets.

Two clients: pyodbc with an ODBC driver of the system, and mssql-python, whose wheel brings its own. Both are imported only
for a URL that asks for them: without unixODBC pyodbc cannot even be imported.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL

from etl.database.product import Limits
from etl.database.sqlserver.errors import WHILE_CONNECTING
from etl.errors import ConfigurationError

PYODBC, MSSQL_PYTHON = "mssql+pyodbc", "mssql+mssqlpython"
FREETDS = "FreeTDS"
DRIVERS = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", FREETDS)
"""ODBC drivers in the order in which they are looked for."""
_EXAMPLE = "mssql+pyodbc://user:password@host:1433/database"
_CONNECTION_TIMEOUT = 113
"""ODBC's SQL_ATTR_CONNECTION_TIMEOUT."""
_PATIENCE_SECONDS = 15
_OURS = ("driver", "dsn", "odbc_connect")
_AUTHENTICATION = ("authentication", "trusted_connection")
# Folders of the wheel that mssql-python gets its driver from.
_FAMILIES = {"debian": "debian_ubuntu", "rhel": "rhel"}

_UNIXODBC = {
    "debian": "apt-get install unixodbc",
    "rhel": "dnf install unixODBC",
    "darwin": "brew install unixodbc",
}
_DRIVER = {
    "debian": "msodbcsql18 from Microsoft's package repository, or apt-get install tdsodbc for FreeTDS",
    "rhel": "msodbcsql18 from Microsoft's package repository, or dnf install freetds",
    "darwin": "brew tap microsoft/mssql-release, then brew install msodbcsql18",
    "windows": "Microsoft ODBC Driver 18 for SQL Server (its MSI)",
}


def complete(url: URL) -> URL:
    """A URL with driver name and query in the form that this module works with.

    :raises ConfigurationError: something is missing in it, or contradicts itself.
    """
    if not url.host or not url.database:
        raise ConfigurationError(
            "ETL_DATABASE_URL lacks the host or the database.",
            remedy=f"Use the form {_EXAMPLE} (special characters percent-encoded).",
        )
    for name in ("odbc_connect", "dsn"):
        if name in {key.lower() for key in url.query}:
            raise ConfigurationError(
                f"ETL_DATABASE_URL: {name!r} is not supported.",
                remedy=f"Use the form {_EXAMPLE}; options follow as ?name=value.",
            )
    client = MSSQL_PYTHON if url.drivername == MSSQL_PYTHON else PYODBC
    # A named instance is written as host\instance, whose backslash may be percent-encoded.
    return url.set(drivername=client, host=unquote(url.host))


def client(url: URL) -> ModuleType:
    """The Python module that connects.

    :raises ConfigurationError: it cannot be imported; says what to install.
    """
    try:
        if url.drivername == MSSQL_PYTHON:
            return import_module("mssql_python")
        return import_module("pyodbc")
    except ImportError as error:
        if url.drivername == MSSQL_PYTHON:
            raise ConfigurationError(
                f"ETL_DATABASE_URL asks for mssql-python, which cannot be imported ({_first_line(error)}).",
                remedy="Install it: pip install 'notebook-etl[mssql-python]' (in this clone: pip install mssql-python).",
            ) from None
        raise ConfigurationError(
            f"pyodbc cannot be imported ({_first_line(error)}): "
            + ("unixODBC is missing." if "odbc" in str(error).lower() else "it is not installed."),
            remedy=f"Install unixODBC: {_UNIXODBC.get(_system(), 'the ODBC driver manager')}; then `make setup`.",
        ) from None


def odbc_driver(url: URL, installed: Sequence[str]) -> str:
    """The ODBC driver: the one that the URL names, else the first that is installed of those that we know.

    :raises ConfigurationError: there is none; says what to install.
    """
    named = next((str(value) for name, value in url.query.items() if name.lower() == "driver"), None)
    listed = ", ".join(installed) or "none"
    if named is None:
        chosen = next((name for name in DRIVERS if name in installed), None)
        if chosen is None:
            raise ConfigurationError(
                f"No ODBC driver for SQL Server is installed (installed: {listed}).",
                remedy=f"Install {_DRIVER.get(_system(), DRIVERS[0])}; see docs/sqlserver.md.",
            )
        return chosen
    if named not in installed and not Path(named).is_file():
        raise ConfigurationError(
            f"The ODBC driver {named!r} of ETL_DATABASE_URL is not installed (installed: {listed}).",
            remedy=f"Leave driver= out to take the first of {', '.join(DRIVERS)}, or install it.",
        )
    return named


def dashboard_url(url: URL) -> URL:
    """The URL for pyodbc in SQLAlchemy 1.4, which knows no mssql-python.

    :raises ConfigurationError: unixODBC or a driver is missing; says what to install.
    """
    # mssql-python uses Microsoft's driver, which checks the certificate; FreeTDS, which does not, must not replace it.
    wheel = wheel_driver() if url.drivername == MSSQL_PYTHON else None
    url = url.set(drivername=PYODBC)
    installed = client(url).drivers()
    driver = wheel if wheel and not {*DRIVERS} - {FREETDS} & {*installed} else odbc_driver(url, installed)
    options = {name: str(value) for name, value in url.query.items() if name.lower() not in _OURS}
    if is_freetds(driver):
        if _is_braced(url.password or "") and "}" in (url.password or ""):
            raise ConfigurationError(
                "FreeTDS cannot be given a password with both a } and a ;, nor one with a } that begins with {.",
                remedy="Change it, or install Microsoft's driver (docs/sqlserver.md).",
            )
        options = _options_for_freetds(options)
        if "\\" not in (url.host or ""):
            options["port"] = str(url.port or 1433)
    if not url.username:
        # SQLAlchemy 1.4 recognises only this spelling, and otherwise asks for a Windows login.
        options = {name.lower() if name.lower() == "authentication" else name: v for name, v in options.items()}
    return url.set(query={**options, "APP": "notebook-superset", "driver": driver})


def _is_braced(value: str) -> bool:
    """Whether SQLAlchemy 1.4 puts a value into braces; it doubles a } in it, which FreeTDS does not undo."""
    return ";" in value or value.startswith("{")


def without_authentication(url: URL) -> URL:
    """A URL without the options for signing in by other means than a password."""
    return url.difference_update_query([name for name in url.query if name.lower() in _AUTHENTICATION])


def wheel_driver() -> str | None:
    """The path of the ODBC driver that comes with mssql-python; None where there is none that unixODBC can load."""
    spec = find_spec("mssql_python_odbc")
    family = _FAMILIES.get(_system())
    if spec is None or spec.origin is None or family is None:
        return None
    drivers = sorted(Path(spec.origin).parent.glob(f"libs/linux/{family}/{platform.machine()}/lib/libmsodbcsql*"))
    return str(drivers[-1]) if drivers else None


def is_freetds(driver: str) -> bool:
    """Whether a driver, by name or path, is FreeTDS."""
    name = driver.lower()
    return FREETDS.lower() in name or "libtdsodbc" in name


def connection_string(url: URL, driver: str | None, limits: Limits) -> str:
    """What the driver gets; every value in braces, so that it may hold any character.

    :param driver: None for mssql-python, which brings its own.
    """
    options = {name: str(value) for name, value in url.query.items() if name.lower() not in _OURS}
    option_names = {name.lower() for name in options}
    port = f",{url.port}" if url.port else ""
    keys: dict[str, str] = {"DRIVER": driver} if driver else {}
    keys |= {"Server": f"{url.host}{port}", "Database": url.database or ""}
    if url.username:
        keys |= {"UID": url.username, "PWD": str(url.password or "")}
    elif "authentication" not in option_names:
        keys |= {"Trusted_Connection": "yes"}
    if driver and is_freetds(driver):
        keys |= {"Port": str(url.port or 1433), "Server": url.host or ""} if "\\" not in (url.host or "") else {}
        options = _options_for_freetds(options)
    if driver:
        keys["APP"] = limits.application
    quoted = _braced_for_freetds if driver and is_freetds(driver) else _braced
    return "".join(f"{name}={quoted(value)};" for name, value in (keys | options).items())


def _options_for_freetds(options: Mapping[str, str]) -> dict[str, str]:
    """FreeTDS names encryption differently, and speaks an old protocol unless it is configured."""
    other_options = {n: value for n, value in options.items() if n.lower() not in ("encrypt", "trustservercertificate")}
    encrypt = next((value for name, value in options.items() if name.lower() == "encrypt"), None)
    translated = {"TDS_Version": "7.4"}
    if encrypt is not None:
        translated["Encryption"] = "off" if encrypt.lower() in ("no", "false", "optional") else "require"
    return translated | other_options


def _braced(value: str) -> str:
    return value if _plain(value) else "{" + value.replace("}", "}}") + "}"


def _plain(value: str) -> bool:
    return value.isascii() and value.replace(".", "").replace(",", "").replace("_", "").isalnum()


def _braced_for_freetds(value: str) -> str:
    """FreeTDS takes everything up to the next `};` literally."""
    if "};" in value:
        raise ConfigurationError(
            "FreeTDS cannot be given a value with }; in it, such as this password.",
            remedy="Change it, or install Microsoft's driver (docs/sqlserver.md).",
        )
    return value if _plain(value) else "{" + value + "}"


def connect(url: URL, driver: str | None, limits: Limits) -> Any:
    """A connection that gives up in bounded time, both on connecting and on statements."""
    module = client(url)
    text = connection_string(url, driver, limits)
    try:
        connection = module.connect(text, autocommit=False, timeout=limits.connect_seconds)
    except module.Error as error:
        error.add_note(WHILE_CONNECTING)
        raise
    connection.timeout = max(1, round(limits.statement_seconds))
    if driver is None or not is_freetds(driver):
        # After a time-out the driver tells the server to stop, and waits twice this long for its answer; without this limit
        # mssql-python waits for ever, and pyodbc as long as for the statement. FreeTDS has no such limit.
        connection.set_attr(_CONNECTION_TIMEOUT, max(1, min(_PATIENCE_SECONDS, round(limits.statement_seconds))))
    return connection


def _system() -> str:
    """debian, rhel, darwin or windows, as far as it can be found out."""
    if platform.system() != "Linux":
        return platform.system().lower()
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "linux"
    family = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"
    return (
        "debian"
        if "debian" in family or "ubuntu" in family
        else "rhel"
        if "rhel" in family or "fedora" in family
        else "linux"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]
