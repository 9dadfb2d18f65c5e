"""A service that is called when a cycle begins, succeeds or fails: it answers, refuses, or hangs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

_SECONDS = 30


class HeartbeatService:
    """Listens on a port of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.code = 200
        self.headers: dict[str, str] = {}
        self._calls: Queue[str] = Queue()
        self._answers = threading.Event()
        self._answers.set()

    def hang(self) -> None:
        """Take calls and do not answer them."""
        self._answers.clear()

    def call(self) -> str:
        """Path and parameters of the next call; it is waited for."""
        return self._calls.get(timeout=_SECONDS)

    @property
    def was_called(self) -> bool:
        """Whether there are calls that nobody has asked for."""
        return not self._calls.empty()

    @contextmanager
    def up(self) -> Iterator[HeartbeatService]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service._calls.put(self.path)
                service._answers.wait(_SECONDS)
                # Whoever has called may be gone.
                with contextlib.suppress(OSError):
                    self.send_response(service.code)
                    for name, value in {"Content-Length": "0", **service.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                self._answers.set()
                server.shutdown()
                thread.join()
