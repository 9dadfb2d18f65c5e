"""SQL Server's errors translated into `EtlError`s, by SQLSTATE and error number.

Numbers: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors; those that
Azure SQL asks to retry: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from etl.errors import ConfigurationError, EtlError, MissingRight, PermanentError, ServiceUnavailable

LOCK_TIMEOUT, DEADLOCK, DUPLICATE = 1222, 1205, {2601, 2627}
_WRONG_LOGIN = {916, 4060, 4064, 18452, 18456, 18470, 18486, 18487, 18488, 40532, 40615}
_FORBIDDEN = {229, 230, 262, 297, 300, 2760, 15247, 15151}
_TRANSIENT = {
    *(64, 121, 233, 10053, 10054, 10060),  # the connection broke
    *(701, 802, 1105, 1204, 8645, 8651, 9002, 17142, 6005),  # no room, no memory, paused, shutting down
    *(615, 926, 3960, 4221, 40143, 40197, 40501, 40540, 40613, 42108, 42109),  # Azure: moved, paused, throttled
    *(10928, 10929, 10936, 49918, 49919, 49920),
}
# What mssql-python says instead of a SQLSTATE.
_STATES = {
    "Client unable to establish connection": "08001",
    "Connection not open": "08003",
    "Server rejected the connection": "08004",
    "Connection failure during transaction": "08007",
    "Communication link failure": "08S01",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Invalid authorization specification": "28000",
    "Serialization failure": "40001",
    "Integrity constraint violation": "23000",
    "String data, right truncated": "22001",
    "String data, right-truncated": "22001",
    "Numeric value out of range": "22003",
    "Syntax error or access violation": "42000",
}
# mssql-python keeps no error numbers. Its messages are SQL Server's own; in another language none is recognised.
_NUMBERS = {
    "Lock request time out": LOCK_TIMEOUT,
    "permission was denied": 229,
    "Cannot insert duplicate key": 2627,
}
WHILE_CONNECTING = "while connecting"
"""A note on errors of a client that does not report this itself."""
_NUMBER = re.compile(r"\((-?\d+)\) \(SQL\w+")
_SOURCES = re.compile(r"^(\[[^\]]*\]\s*)+")
# SQL Server's messages quote values: of a duplicate key, a truncated text, a text that is no number.
_DATA = re.compile(
    r" The duplicate key value is| Truncated value:| (?:the )?(?:n?varchar|n?char|data) value '|: '|'[^']*' to data type"
)
_CERTIFICATE = re.compile(r"certificate", re.IGNORECASE)


@dataclass(frozen=True)
class ServerError:
    """What a driver reports of an error."""

    state: str
    """SQLSTATE; empty where it is unknown."""
    number: int
    """SQL Server's own; 0 where the driver does not report it."""
    message: str
    """The first message, without values that may be data."""
    connecting: bool

    @property
    def refuses_row(self) -> bool:
        """A constraint or type of the table refuses a row."""
        return self.state.startswith(("22", "23"))


def read_error(error: BaseException) -> ServerError:
    """What an error of pyodbc or mssql-python says."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    driver_error = getattr(origin, "driver_error", None)
    if driver_error is not None:
        text, state = str(getattr(origin, "ddbc_error", "") or driver_error), _state_of(str(driver_error))
        number = next((number for phrase, number in _NUMBERS.items() if phrase in text), 0)
    else:
        state = str(origin.args[0]) if origin.args else ""
        text = str(origin.args[1]) if len(origin.args) > 1 else str(origin)
        match = _NUMBER.search(text)
        number = int(match[1]) if match else 0
    connecting = "(SQLDriverConnect" in text or WHILE_CONNECTING in getattr(origin, "__notes__", ())
    return ServerError(state if len(state) == 5 else "", number, _first(text), connecting)


@dataclass(frozen=True)
class _Rule:
    """Into which of our errors an error of the server is translated."""

    applies: Callable[[ServerError], bool]
    kind: type[EtlError]
    cause: str
    remedy: str = ""


def _refuses_login(error: ServerError) -> bool:
    refused = error.connecting and error.state == "42000" and not error.number
    return error.number in _WRONG_LOGIN or error.state == "28000" or refused


def _lacks_driver(error: ServerError) -> bool:
    return error.state == "IM002" or (error.state == "01000" and "Can't open lib" in error.message)


def _took_too_long(error: ServerError) -> bool:
    return error.state.startswith("HYT") and not error.connecting and "login" not in error.message.lower()


def _is_away(error: ServerError) -> bool:
    return error.number in _TRANSIENT or error.connecting or error.state.startswith(("08", "HYT"))


# The first that applies counts.
_RULES = (
    _Rule(
        _refuses_login,
        ConfigurationError,
        "The database {where} refuses {who}: {message} ({code}).",
        "Check user, password and database name in ETL_DATABASE_URL, and that the login has a user in the database.",
    ),
    _Rule(
        _lacks_driver,
        ConfigurationError,
        "The ODBC driver cannot be loaded: {message}.",
        "Install it; docs/sqlserver.md says how.",
    ),
    _Rule(
        lambda error: error.connecting and bool(_CERTIFICATE.search(error.message)),
        ConfigurationError,
        "The database {where} shows a certificate that is not trusted: {message}.",
        "Install the certificate of its authority on this machine; only for a test, add ?TrustServerCertificate=yes.",
    ),
    _Rule(
        lambda error: error.number == LOCK_TIMEOUT,
        ServiceUnavailable,
        "The database {where}: another session holds a lock, and the wait for it timed out ({code}).",
        "Look for an open transaction on the same table (sys.dm_tran_locks, sys.dm_exec_requests); then run again.",
    ),
    _Rule(
        _took_too_long,
        ServiceUnavailable,
        "The database {where}: a statement took too long, and its connection was closed ({code}).",
        "Look at what the server is busy with (sys.dm_exec_requests), or raise ETL_STATEMENT_TIMEOUT_SECONDS; then run again.",
    ),
    _Rule(
        lambda error: error.number == DEADLOCK or error.state == "40001",
        ServiceUnavailable,
        "The database {where} chose this session as the victim of a deadlock ({code}).",
        "Run again.",
    ),
    _Rule(
        _is_away,
        ServiceUnavailable,
        "The database {where} does not answer: {message} ({code}).",
        "Check ETL_DATABASE_URL and that the server is up (`python -m etl doctor`).",
    ),
    _Rule(
        lambda error: error.number in _FORBIDDEN,
        MissingRight,
        "The database {where} refused a statement: {message} ({code}).",
        "User {user!r} lacks the right. Tables are made by `python -m etl init`, run as a user who may create them;"
        " docs/security.md has the rights of each role.",
    ),
    _Rule(lambda _: True, PermanentError, "The database {where} refused a statement: {message} ({code})."),
)


def translate_error(error: BaseException, url: URL) -> EtlError:
    """Translate a driver's error into an `EtlError`."""
    server_error = read_error(error)
    values = {
        "where": f"{url.host}:{url.port or 1433}/{url.database}",
        "who": f"user {url.username!r}" if url.username else "this login",
        "user": url.username,
        "message": server_error.message,
        "code": f"SQLSTATE {server_error.state or 'unknown'}"
        + (f", error {server_error.number}" if server_error.number else ""),
    }
    rule = next(rule for rule in _RULES if rule.applies(server_error))
    return rule.kind(rule.cause.format(**values), remedy=rule.remedy.format(**values))


def _state_of(driver_error: str) -> str:
    if driver_error in _STATES:
        return _STATES[driver_error]
    return driver_error.rpartition("SQLSTATE code: ")[2] if "SQLSTATE code: " in driver_error else ""


def _first(text: str) -> str:
    """The first of a driver's messages: without where it came from, its number, and values that may be data."""
    line = (text.strip().splitlines() or ["no message"])[0]
    message = _SOURCES.sub("", line.partition("; [")[0])
    message = _NUMBER.split(message)[0].strip()
    return _DATA.split(message)[0].strip().rstrip(".") or "no message"
