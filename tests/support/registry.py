"""A small schema registry, and messages as its clients send them."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from fastavro import parse_schema, schemaless_writer

Answer = tuple[int, Any]


class Registry:
    """Speaks the part of the REST interface that readers and writers of Avro use, on a port of its own."""

    def __init__(self, user: str = "", password: str = "") -> None:
        self._login = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""
        self._schemas: dict[int, dict[str, Any]] = {}
        self._subjects: dict[str, list[int]] = {}
        self._port = 0
        self.asked: list[str] = []
        """The paths that were asked for."""
        self.is_broken = False
        """Whether it answers, and has no schemas: its own storage is away."""

    def register(self, subject: str, schema: Any, *, number: int | None = None, **more: Any) -> int:
        """A new version of a subject; returns the schema's number.

        :param more: such as `references` and `schemaType`.
        """
        number = number or max(self._schemas, default=0) + 1
        text = schema if isinstance(schema, str) else json.dumps(schema)
        self._schemas[number] = {"schema": text, **more}
        self._subjects.setdefault(subject, []).append(number)
        return number

    def _number(self, schema: str) -> int | None:
        return next((number for number, known in self._schemas.items() if known["schema"] == schema), None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def up(self) -> Iterator[Registry]:
        """Answers meanwhile, always at the same address."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                self._say(*registry._answer(self.path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                registry.asked.append(self.path)
                subject = unquote(self.path.split("/")[2])
                self._say(200, {"id": registry._number(said["schema"]) or registry.register(subject, said["schema"])})

            def _say(self, code: int, answer: Any) -> None:
                body = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", self._port), Handler) as server:
            self._port = server.server_port
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def _answer(self, path: str, login: str) -> Answer:
        if self._login and login != self._login:
            return 401, {"error_code": 401, "message": "Unauthorized"}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["schemas", "types"]:
            return 200, ["AVRO"]
        if self.is_broken:
            return 500, {"error_code": 50001, "message": "Error in the backend data store"}
        if parts[:2] == ["schemas", "ids"]:
            found = self._schemas.get(int(parts[2]))
            return (200, found) if found else (404, {"error_code": 40403, "message": "Schema not found"})
        if parts[0] == "subjects" and parts[1] in self._subjects:
            number = self._subjects[parts[1]][int(parts[3]) - 1]
            return 200, {"subject": parts[1], "id": number, "version": int(parts[3]), **self._schemas[number]}
        return 404, {"error_code": 40401, "message": "Subject not found"}


def framed(number: int, schema: Any, record: Any) -> bytes:
    """A record in Confluent's wire format."""
    stream = BytesIO()
    stream.write(struct.pack(">bI", 0, number))
    schemaless_writer(stream, parse_schema(schema), record)
    return stream.getvalue()


def record(name: str, /, **fields: Any) -> Mapping[str, Any]:
    """The schema of a record with these fields and their types."""
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields.items()]}
