"""Receivers of messages about incidents, real ones: a mail server and a webhook. And incidents to tell them of."""

from __future__ import annotations

import html
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from aiosmtpd.controller import Controller

from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.audit.incidents.register import Source
from etl.contract.rules.alerts import AlertRules
from etl.database import make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.settings import Settings
from tests.support.stack import Project

TOKEN = "T0ken-of-the-webhook"
"""In its URL."""
_SECONDS = 60
_AT_ONCE = AlertRules(quiet_seconds=0)


@dataclass(frozen=True)
class Message:
    subject: str
    body: str

    @property
    def told(self) -> set[tuple[str, int]]:
        """The events of incidents that it tells of, also where it is a digest."""
        if number := re.search(r"^Incident: (\d+)$", self.body, re.MULTILINE):
            return {(self.subject.rpartition(": ")[2], int(number[1]))}
        found = re.findall(r"^(opened|resolved): .*?\(incident (\d+)\)", self.body, re.MULTILINE)
        return {(event, int(incident)) for event, incident in found}


class _Inbox:
    """What a receiver got, in order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._changed = threading.Condition()
        # Bound as long as this lives, and never listening: the port is nobody else's, and refuses calls unless it is up.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]

    def _take(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait_for(self, number: int) -> list[Message]:
        """At least so many messages, as soon as they are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= number, _SECONDS), self.messages
            return list(self.messages)


class Mailbox(_Inbox):
    """A mail server that takes everything."""

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=etl%40example.org&to=ops%40example.org"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """What the mail server calls."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        part = mail.get_body(("plain", "html"))
        assert part is not None
        text = part.get_content()
        if part.get_content_subtype() == "html":
            text = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br[^>]*>\n?", "\n", text)))
        self._take(Message(str(mail["subject"]), text.replace("\r\n", "\n").strip()))
        return "250 OK"

    @contextmanager
    def up(self) -> Iterator[Self]:
        """Answers meanwhile, always at the same address."""
        server = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=_SECONDS)
        server.start()
        try:
            yield self
        finally:
            server.stop()


class Webhook(_Inbox):
    """A web server that takes messages, or does something else with them."""

    mode: Literal["takes", "refuses", "hangs", "answers nonsense"] = "takes"

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        """How often it was called, whatever it did then."""
        self.on_call: Callable[[], object] = lambda: None
        """Is called while the sender waits for its answer."""
        self._called = threading.Event()
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    @property
    def label(self) -> str:
        return f"json://127.0.0.1:{self.port}"

    def wait_for_call(self) -> None:
        assert self._called.wait(_SECONDS)

    @contextmanager
    def up(self) -> Iterator[Self]:
        """Answers meanwhile, always at the same address."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.on_call()
                hook.calls += 1
                # Whoever has waited for the call may change it.
                mode = hook.mode
                hook._called.set()
                with suppress(OSError):
                    if mode == "hangs":
                        self._go_on_for_ever()
                    elif mode == "answers nonsense":
                        self.wfile.write(b"\0 is no HTTP\n")
                    else:
                        self._answer(sent, takes=mode == "takes")

            def _answer(self, sent: dict[str, str], *, takes: bool) -> None:
                if takes:
                    hook._take(Message(sent["title"], sent["message"]))
                self.send_response(200 if takes else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _go_on_for_ever(self) -> None:
                """A client that waits for each byte does not notice that this never ends."""
                self.send_response(200)
                self.send_header("Content-Length", "1000000000")
                self.end_headers()
                while not hook._ended.wait(0.1):
                    self.wfile.write(b".")

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                hook._ended.set()
                server.shutdown()
                thread.join()


def telling(project: Project, *urls: str) -> Project:
    """The project, with receivers that are told of incidents; its database is up to date."""
    joined = " ".join(urls)
    settings = Settings.load(**{**project.settings.model_dump(exclude_unset=True), "alert_urls": joined})
    engine = make_engine(settings)
    migrate(engine)
    engine.dispose()
    return replace(project, settings=settings, env={**project.env, "ETL_ALERT_URLS": joined})


def see(
    project: Project, kind: Kind, *keys: str, feed: str = "tanks", cause: str = "It is not as it should be."
) -> None:
    """A job sees that a kind of incident is there for these keys, and for no other."""
    findings = tuple(Finding(cause, "Look at it.", key) for key in keys)
    source = Source(None, "20260102T030405Z-ab12", "load", "output/runs/20260102T030405Z-ab12/04_load.ipynb")
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        register.take(connection, project.settings, feed, [Look(kind, findings)], source, _AT_ONCE)
    engine.dispose()


def states(project: Project) -> list[tuple[str, str]]:
    """Event and status of each message, in order."""
    return [(row[0], row[1]) for row in project.sql("SELECT event, status FROM etl_alert ORDER BY alert_id")]
