"""A TCP proxy that a test puts before a service, to cut connections and to lose answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Literal


class Proxy:
    """Passes bytes on both ways, until it is asked to stop.

    `down`: new connections are refused by closing them, existing ones are cut. `silence()`: connections stay open, also new
    ones are accepted, and nothing passes until `resume()`. `lose_answer_to`: the first time a client sends these bytes, they are
    passed on, and what the server answers is thrown away; `then` says what becomes of this connection, or of all.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.down = False
        self.lose_answer_to: bytes | None = None
        self.then: Literal["cut", "down", "silent"] = "cut"
        self.lost = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: set[socket.socket] = set()
        self._opening = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and accept none until `down` is False again."""
        # A connection that is being made now is either refused or among those that are ended.
        with self._opening:
            self.down = True
            ends = list(self._open)
        for end in ends:
            self._close(end)

    def silence(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self.cut()
        self.resume()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._opening:
                if self.down:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {client, server}
            answers_lost = threading.Event()
            threading.Thread(target=self._pass, args=(client, server, answers_lost, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, answers_lost, False), daemon=True).start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, answers_lost: threading.Event, from_client: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_client and self.lose_answer_to and self.lose_answer_to in data:
                    self.lose_answer_to = None
                    answers_lost.set()
                if not from_client and answers_lost.is_set():
                    # The server has answered, so it has done what it was asked; nobody will hear of it.
                    if self.then == "silent":
                        self.silence()
                    self.lost.set()
                    self._flowing.wait()
                    if self.then == "down":
                        self.cut()
                    break
                self._flowing.wait()
                sink.sendall(data)
        self._close(source)
        self._close(sink)

    def _close(self, end: socket.socket) -> None:
        self._open.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextlib.contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    found = Proxy(port)
    try:
        yield found
    finally:
        found.close()
