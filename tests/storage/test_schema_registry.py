from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from etl.errors import ConfigurationError, ServiceUnavailable
from etl.settings import Settings
from etl.storage.schema_registry import SchemaRegistry
from tests.support.registry import Registry, record

CANARY = "c4n4ry:/@"


def test_a_schema_comes_with_those_that_it_refers_to_in_the_order_in_which_they_are_needed() -> None:
    registry = Registry()
    unit, value = record("Unit", name="string"), record("Value", unit="Unit", number="double")
    registry.register("a unit", unit)
    registry.register("value", value, references=[{"name": "Unit", "subject": "a unit", "version": 1}])
    references = [
        {"name": name, "subject": subject, "version": 1} for name, subject in (("Value", "value"), ("Unit", "a unit"))
    ]
    number = registry.register("reading", record("Reading", value="Value", other="Unit"), references=references)
    with registry.up():
        found = SchemaRegistry(registry.url).schema(number)
    assert found is not None
    assert [json.loads(text)["name"] for text in found] == ["Unit", "Value", "Reading"]


def test_what_the_registry_does_not_know_or_what_is_no_avro_has_no_schema() -> None:
    registry = Registry()
    other = registry.register("other", "syntax = 'proto3';", schemaType="PROTOBUF")
    lost = registry.register("lost", record("R"), references=[{"name": "X", "subject": "gone", "version": 1}])
    endless = registry.register("endless", record("E"), references=[{"name": "E", "subject": "endless", "version": 1}])
    with registry.up():
        client = SchemaRegistry(registry.url)
        assert [client.schema(number) for number in (other, lost, endless, 99)] == [None] * 4


def test_a_registry_that_does_not_answer_is_named_with_the_remedy() -> None:
    registry = Registry()
    with registry.up():
        SchemaRegistry(registry.url).require()
    with pytest.raises(ServiceUnavailable, match=f"(?s){registry.url} did not answer .*ETL_SCHEMA_REGISTRY"):
        SchemaRegistry(registry.url).require()


def test_a_password_is_sent_and_shown_to_nobody() -> None:
    with Registry("ada", CANARY).up() as registry:
        settings = Settings.load(
            schema_registry=f"{registry.url}/", schema_registry_user="ada", schema_registry_password=CANARY
        )
        client = SchemaRegistry.of(settings)
        client.require()
        assert client.schema(1) is None
        assert CANARY not in repr(client) + repr(settings) + settings.mask(f"with {CANARY}")
        with pytest.raises(ConfigurationError, match="refuses user 'ada'") as refused:
            SchemaRegistry(registry.url, "ada", f"{CANARY}!").schema(1)
        assert CANARY not in str(refused.value)


def test_without_a_registry_the_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ETL_SCHEMA_REGISTRY is not set"):
        SchemaRegistry.of(Settings.load(schema_registry=""))


@pytest.mark.parametrize("url", ["registry:8081", "file:///etc/passwd", f"http://ada:{CANARY}@registry:8081"])
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ETL_SCHEMA_REGISTRY: ") as refused:
        Settings.load(schema_registry=url)
    assert CANARY not in str(refused.value)


@pytest.fixture
def other_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """Any other server at the address, and how it answers."""
    says: dict[str, Any] = {"code": 404, "body": b"<html>", "headers": {}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            says["asked"] = [*says.get("asked", []), self.path]
            self.send_response(says["code"])
            for name, value in says["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(says["body"])

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", says
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "body"), [(404, b"<html>"), (404, b'"x"'), (500, b"{}"), (503, b""), (200, b"<html>"), (200, b'"x"')]
)
def test_another_servers_answer_is_never_taken_for_an_unknown_schema(
    other_server: tuple[str, dict[str, Any]], code: int, body: bytes
) -> None:
    url, says = other_server
    says |= {"code": code, "body": body}
    with pytest.raises(ServiceUnavailable, match="schema registry at"):
        SchemaRegistry(url).schema(1)


def test_a_redirect_is_not_followed_with_the_password(other_server: tuple[str, dict[str, Any]]) -> None:
    url, says = other_server
    says |= {"code": 302, "headers": {"Location": f"{url}/elsewhere"}}
    with pytest.raises(ServiceUnavailable, match="answered HTTP 302"):
        SchemaRegistry(url, "ada", CANARY).schema(1)
    assert says["asked"] == ["/schemas/ids/1"]
