"""A server that speaks enough TDS to take a login or refuse it, and to answer every statement with an error or with silence.

[MS-TDS], https://learn.microsoft.com/openspecs/windows_protocols/ms-tds. Without encryption: a client must say Encrypt=no.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_STATEMENT, _PROCEDURE, _REPLY, _ATTENTION, _LOGIN, _PRELOGIN = 0x01, 0x03, 0x04, 0x06, 0x10, 0x12
_NO_ENCRYPTION = 2
_VERSION = "Microsoft SQL Server - 16.0.1000.6"
_PREPARE_AND_EXECUTE = 13
"""sp_prepexec, whose answer has the number of the prepared statement."""


@dataclass(frozen=True)
class Refusal:
    """An error as SQL Server sends it."""

    number: int
    text: str
    severity: int = 14


@dataclass
class Login:
    """What a client said of itself."""

    user: str
    password: str
    application: str
    database: str


@dataclass
class TDSServer:
    """Serves each connection in a separate thread.

    `refuse`: the answer to a login. `answer`: the answer to a statement; None: that it is done. `silent`: it says nothing any
    more, from the next packet on.
    """

    refuse: Refusal | None = None
    answer: Refusal | None = None
    silent: bool = False
    logins: list[Login] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    """Statements and calls of procedures as they came; texts in UTF-16."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, payload = _receive(client)
                if self.silent:
                    continue
                if kind == _PRELOGIN:
                    _send(client, _prelogin())
                elif kind == _LOGIN:
                    self.logins.append(_login(payload))
                    _send(client, _error(self.refuse) if self.refuse else _accepted())
                elif kind == _ATTENTION:
                    _send(client, _done(0x20))
                else:
                    self.asked.append(payload)
                    _send(client, self._answer(kind, payload))

    def _answer(self, kind: int, payload: bytes) -> bytes:
        if kind == _PROCEDURE:
            number = _procedure(payload)
            # By name drivers ask for the server's types; there are none, so that texts must be short.
            missing = Refusal(2812, "Could not find stored procedure.", 16)
            return _error(self.answer or missing) if self.answer or number is None else _called(number)
        if self.answer and kind == _STATEMENT:
            return _error(self.answer)
        # SQLAlchemy asks a new server for its version and settings.
        statement = payload[struct.unpack_from("<I", payload)[0] :].decode("utf-16-le", "replace").strip()
        return _row(_VERSION) if statement.upper().startswith("SELECT") else _done(0)


@contextlib.contextmanager
def tds_server(**behaviour: object) -> Iterator[TDSServer]:
    found = TDSServer(**behaviour)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.close()


def _receive(client: socket.socket) -> tuple[int, bytes]:
    """One message; it may come in several packets."""
    payload = b""
    while True:
        kind, status, length = struct.unpack(">BBH", _exactly(client, 8)[:4])
        payload += _exactly(client, length - 8)
        if status & 1:
            return kind, payload


def _exactly(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = client.recv(count - len(found))
        if not more:
            raise EOFError
        found += more
    return found


def _send(client: socket.socket, payload: bytes) -> None:
    client.sendall(struct.pack(">BBHHBB", _REPLY, 1, len(payload) + 8, 0, 1, 0) + payload)


def _prelogin() -> bytes:
    version, encryption = struct.pack(">BBHH", 13, 0, 5026, 0), bytes([_NO_ENCRYPTION])
    start = 5 * 2 + 1
    head = struct.pack(">BHH", 0, start, len(version)) + struct.pack(">BHH", 1, start + len(version), 1) + b"\xff"
    return head + version + encryption


def _login(payload: bytes) -> Login:
    def text(place: int) -> bytes:
        offset, length = struct.unpack_from("<HH", payload, place)
        return payload[offset : offset + 2 * length]

    hidden = bytes(((byte ^ 0xA5) >> 4 | (byte ^ 0xA5) << 4) & 0xFF for byte in text(44))
    found = [raw.decode("utf-16-le") for raw in (text(40), hidden, text(48), text(68))]
    return Login(*found)


def _accepted() -> bytes:
    name = "Microsoft SQL Server".encode("utf-16-le")
    body = b"\x01" + bytes.fromhex("74000004") + bytes([len(name) // 2]) + name + bytes([13, 0, 19, 162])
    size = _short_text("4096")
    change = b"\x04" + size + size
    return struct.pack("<BH", 0xE3, len(change)) + change + struct.pack("<BH", 0xAD, len(body)) + body + _done(0)


def _error(refusal: Refusal) -> bytes:
    text = refusal.text.encode("utf-16-le")
    body = struct.pack("<IBB", refusal.number, 1, refusal.severity) + struct.pack("<H", len(text) // 2) + text
    body += _short_text("here") + _short_text("") + struct.pack("<I", 1)
    return struct.pack("<BH", 0xAA, len(body)) + body + _done(2)


def _short_text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _row(text: str) -> bytes:
    """One row with one column."""
    value = text.encode("utf-16-le")
    column = struct.pack("<IHBH", 0, 1, 0xE7, 8000) + bytes(5) + b"\x00"
    row = b"\xd1" + struct.pack("<H", len(value)) + value
    return b"\x81\x01\x00" + column + row + struct.pack("<BHHQ", 0xFD, 0x10, 0, 1)


def _done(status: int) -> bytes:
    return struct.pack("<BHHQ", 0xFD, status, 0, 0)


def _procedure(payload: bytes) -> int | None:
    """The number of a procedure that is called by it; None: it is called by its name."""
    (headers,) = struct.unpack_from("<I", payload)
    length, number = struct.unpack_from("<HH", payload, headers)
    return number if length == 0xFFFF else None


def _called(number: int) -> bytes:
    """A procedure has done what it should, and no rows came of it."""
    status = b"\x79" + struct.pack("<I", 0)
    handle = b"\xac" + struct.pack("<HBBIH", 0, 0, 1, 0, 0) + b"\x26\x04\x04" + struct.pack("<I", 1)
    return status + (handle if number == _PREPARE_AND_EXECUTE else b"") + struct.pack("<BHHQ", 0xFE, 0, 0, 0)
