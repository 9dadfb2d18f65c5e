"""The road to SQL Server up to the driver: three clients against servers that refuse, hang, or give errors."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import URL, BigInteger, MetaData, Table
from sqlalchemy import Column as SqlColumn

from etl.audit.states import Job, Status
from etl.database import make_engine, make_stage, text_of, transaction
from etl.database.product import Limits
from etl.database.sqlserver.driver import FREETDS, MSSQL_PYTHON, PYODBC, connect
from etl.database.sqlserver.errors import read_error, translate_error
from etl.errors import ConfigurationError, EtlError, PermanentError, ServiceUnavailable
from etl.operations.doctor import examine
from etl.settings import Settings
from tests.support import ports
from tests.support.tds import Refusal, TDSServer, tds_server

LIMITS = Limits("notebook-test", connect_seconds=10, statement_seconds=300)
SHORT = Limits("notebook-test", connect_seconds=10, statement_seconds=2)
"""For a server that falls silent once somebody is connected."""
DEADLOCK = Refusal(1205, "Transaction (Process ID 52) was deadlocked on lock resources with another process.", 13)
DUPLICATE = Refusal(
    2627,
    "Violation of UNIQUE KEY constraint 'uq'. Cannot insert duplicate key in object 'dbo.t'."
    " The duplicate key value is (canary-7).",
)
WRONG_PASSWORD = Refusal(18456, "Login failed for user 'etl'.")
NO_DATABASE = Refusal(4060, 'Cannot open database "iot" requested by the login. The login failed.', 11)


class Client:
    """A driver as a user names it in a URL."""

    def __init__(self, scheme: str, driver: str | None) -> None:
        self.scheme = scheme
        self.driver = driver

    def url(self, port: int, password: str = "secret") -> URL:
        query = {"Encrypt": "no"} | ({"driver": self.driver} if self.driver else {})
        return URL.create(self.scheme, "etl", password, host="127.0.0.1", port=port, database="iot", query=query)

    def settings(self, port: int, home: Path, **limits: int) -> Settings:
        url = self.url(port).render_as_string(hide_password=False)
        return Settings.load(home=home, database_url=url, **limits)

    def connect(self, port: int, password: str = "secret", limits: Limits = LIMITS) -> Any:
        return connect(self.url(port, password), self.driver, limits)


def _freetds() -> Client:
    pyodbc = pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    if FREETDS not in pyodbc.drivers():
        pytest.skip("SQL Server: FreeTDS is missing (Debian: apt-get install unixodbc tdsodbc)")
    return Client(PYODBC, FREETDS)


def _microsoft() -> Client:
    pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    package = pytest.importorskip("mssql_python_odbc", reason="SQL Server: mssql-python is missing")
    found = sorted(Path(package.get_libs_dir()).glob("linux/debian_ubuntu/x86_64/lib/libmsodbcsql*.so*"))
    if not found:
        pytest.skip("SQL Server: the wheel has no ODBC driver for this machine")
    return Client(PYODBC, str(found[0]))


def _mssql_python() -> Client:
    pytest.importorskip("mssql_python", reason="SQL Server: mssql-python is missing", exc_type=ImportError)
    if sys.platform == "linux" and not find_library("ltdl"):
        pytest.skip("SQL Server: libltdl is missing, which mssql-python loads (Debian: apt-get install unixodbc)")
    return Client(MSSQL_PYTHON, None)


@pytest.fixture(params=[_freetds, _microsoft, _mssql_python], ids=["freetds", "microsoft", "mssql-python"])
def client(request: pytest.FixtureRequest) -> Client:
    found: Client = request.param()
    return found


@pytest.fixture
def closed_port() -> Iterator[int]:
    with ports.closed_port() as port:
        yield port


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def explained(client: Client, server: TDSServer) -> EtlError:
    """The error that a user sees of a connection and one statement on it."""
    try:
        connection = client.connect(server.port)
        connection.cursor().execute("SELECT 1")
    except Exception as error:  # noqa: BLE001 - each client has exceptions of its own
        return translate_error(error, client.url(server.port))
    raise AssertionError("no error")


@pytest.mark.parametrize("port", ["closed_port", "hanging_port"])
def test_a_server_that_does_not_answer_is_reported_in_bounded_time(
    client: Client, port: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    number = request.getfixturevalue(port)
    settings = client.settings(number, tmp_path, database_timeout_seconds=2, statement_timeout_seconds=2)
    engine = make_engine(settings)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=f"127.0.0.1:{number}/iot does not answer"), transaction(engine):
        pass
    assert time.monotonic() - began < 8
    engine.dispose()


@pytest.mark.parametrize(
    "password",
    ["plain", "with space ", ";", "a;b=c", "{", "}", "a}b", "{x}", "it's", '"', "%41+/?#@:", "schlüssel€😀", "a\\b"],
)
def test_a_password_arrives_with_every_character(client: Client, password: str) -> None:
    with tds_server() as server:
        client.connect(server.port, password).close()
        assert [(login.user, login.password, login.database) for login in server.logins] == [("etl", password, "iot")]


def test_freetds_is_not_given_what_it_would_take_for_the_end_of_a_password() -> None:
    with pytest.raises(ConfigurationError, match="FreeTDS cannot be given") as caught:
        _freetds().connect(1, "a};Server=elsewhere;b={")
    assert "elsewhere" not in str(caught.value)


def test_a_wrong_password_is_reported_as_such(client: Client) -> None:
    with tds_server(refuse=WRONG_PASSWORD) as server:
        error = explained(client, server)
    assert isinstance(error, ConfigurationError)
    assert f"127.0.0.1:{server.port}/iot refuses user 'etl': Login failed for user 'etl'" in error.cause
    assert "Check user, password and database name" in error.remedy


def test_a_missing_database_is_reported_as_such(client: Client) -> None:
    with tds_server(refuse=NO_DATABASE) as server:
        error = explained(client, server)
    assert isinstance(error, ConfigurationError)
    assert 'Cannot open database "iot"' in error.cause


def test_a_deadlock_is_worth_another_try(client: Client) -> None:
    with tds_server(answer=DEADLOCK) as server:
        error = explained(client, server)
    assert isinstance(error, ServiceUnavailable)
    assert "victim of a deadlock" in error.cause


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(1222, "Lock request time out period exceeded.", 16), ServiceUnavailable),
        (Refusal(229, "The SELECT permission was denied on the object 'etl_log', database 'iot'."), PermanentError),
        (Refusal(208, "Invalid object name 'etl_log'.", 16), PermanentError),
    ],
)
def test_other_errors_are_distinguished(client: Client, refusal: Refusal, kind: type[EtlError]) -> None:
    with tds_server(answer=refusal) as server:
        error = explained(client, server)
    assert isinstance(error, kind)
    if refusal.number == 229:
        assert "docs/security.md" in error.remedy


@pytest.mark.parametrize("number", [40613, 40197, 10928])
def test_what_azure_asks_to_retry_is_transient(number: int) -> None:
    client = _freetds()
    with tds_server(answer=Refusal(number, "Database is not currently available. Please retry.", 17)) as server:
        assert isinstance(explained(client, server), ServiceUnavailable)


def test_no_error_shows_data(client: Client) -> None:
    with tds_server(answer=DUPLICATE) as server:
        try:
            client.connect(server.port).cursor().execute("SELECT 1")
        except Exception as error:  # noqa: BLE001 - each client has exceptions of its own
            found = read_error(error)
            told = translate_error(error, client.url(server.port))
    assert (found.number, found.state, found.refuses_row) == (2627, "23000", True)
    assert "canary" not in str(told)
    assert "Cannot insert duplicate key" in told.cause


def test_a_server_that_falls_silent_is_given_up(client: Client) -> None:
    with tds_server() as server:
        connection = client.connect(server.port, limits=SHORT)
        server.silent = True
        began = time.monotonic()
        with pytest.raises(Exception) as caught:
            connection.cursor().execute("SELECT 1")
        assert time.monotonic() - began < 3 * SHORT.statement_seconds + 2
        error = translate_error(caught.value, client.url(server.port))
    assert isinstance(error, ServiceUnavailable)
    assert "a statement took too long, and its connection was closed" in error.cause


def test_the_doctor_says_what_is_wrong_with_the_login(client: Client, tmp_path: Path) -> None:
    with tds_server(refuse=WRONG_PASSWORD) as server:
        findings = {finding.check: finding for finding in examine(client.settings(server.port, tmp_path))}
    assert not findings["database"].ok
    assert "refuses user 'etl'" in findings["database"].found
    assert "secret" not in str(findings)


def test_rows_go_to_the_server_in_one_text_whatever_the_driver(client: Client, tmp_path: Path) -> None:
    """On a pool and a connection as a load has them: what is asked of the driver is what it sends."""
    rows = pa.table({"a": pa.array([1, 2, 3]), "b": pa.array([None, "é", "x"])})
    table = Table("t", MetaData(), SqlColumn("a", BigInteger, primary_key=True), SqlColumn("b", text_of(9)))
    with tds_server() as server:
        engine = make_engine(client.settings(server.port, tmp_path))
        with transaction(engine) as connection:
            make_stage(connection, table, ["a", "b"]).copy(rows)
        engine.dispose()
    texts = ("OPENJSON", '[[0,1,null],[1,2,"é"],[2,3,"x"]]')
    statements, sent = (sum(text.encode("utf-16-le") in asked for asked in server.asked) for text in texts)
    assert statements in (1, 2), "some drivers prepare a statement in a call of its own"
    assert sent == 1


@pytest.mark.parametrize("state", [*Job, *Status])
def test_a_state_goes_to_the_server_as_its_text_whatever_the_driver(client: Client, state: Job | Status) -> None:
    plain = str(state.value)
    with tds_server() as server:

        def sent(value: str) -> list[bytes]:
            before = len(server.asked)
            client.connect(server.port).cursor().execute("SELECT ?", [value])
            return server.asked[before:]

        # pyodbc asks a server for its types at the first connection with an address, and remembers them.
        sent("first")
        asked = sent(plain)
        assert any(text in said for said in asked for text in (plain.encode(), plain.encode("utf-16-le")))
        assert sent(state) == asked
