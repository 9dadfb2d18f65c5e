"""A small package index, Maven repository and proxy in one, whose connections can be cut in the middle of a file."""

from __future__ import annotations

import threading
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit


class Repository:
    """Serves files by their paths, whatever host is asked for: it is also the proxy of every host.

    `then` says what becomes of a file with the ending `of`: it is sent; half of it is sent and the connection cut; or half of it
    is sent, and then nothing until `release` is set.
    """

    def __init__(self, files: dict[str, bytes], of: str) -> None:
        self.files = files
        self.of = of
        self.then: Literal["sent", "cut", "held"] = "sent"
        self.held = threading.Event()
        self.release = threading.Event()
        self.asked: list[str] = []
        self.login = ""
        """As a proxy, ask for this login (`user:password`)."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(repository) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                repository._answer(self, body=False)

            def do_GET(self) -> None:
                repository._answer(self, body=True)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        self.asked.append(request.path)
        expected = f"Basic {b64encode(self.login.encode()).decode()}"
        if self.login and request.headers.get("Proxy-Authorization") != expected:
            request.send_response(407)
            request.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        path = urlsplit(request.path).path
        content = self.files.get(path)
        if content is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        whole = self.then == "sent" or not path.endswith(self.of)
        with suppress(ConnectionError):  # the client was killed
            if body:
                request.wfile.write(content if whole else content[: len(content) // 2])
        if body and not whole and self.then == "held":
            self.held.set()
            self.release.wait()


@contextmanager
def serving(files: dict[str, bytes], of: str) -> Iterator[Repository]:
    repository = Repository(files, of)
    try:
        yield repository
    finally:
        repository.close()


def wheel(folder: Path, name: str, content: str) -> bytes:
    """A wheel with one module."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file.read_bytes()
