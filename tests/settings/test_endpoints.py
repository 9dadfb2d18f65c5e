from __future__ import annotations

import json

import pytest

from etl import services
from etl.errors import ServiceUnavailable
from etl.services.process import Service, write_private
from etl.settings import Settings
from etl.settings.endpoints import Known, database_place, read

URL = "postgresql+psycopg://etl:s3cret@127.0.0.1:40001/etl"
KNOWN = Known().with_endpoints({"kafka_bootstrap": "127.0.0.1:40002", "database_url": URL})


@pytest.mark.parametrize(
    ("url", "is_embedded"),
    [
        (URL, True),
        ("postgresql://etl:other@127.0.0.1:40001/etl", True),
        ("postgres://etl@localhost:40001/etl", True),
        ("postgresql://etl:x@/etl?host=127.0.0.1&port=40001", True),
        ("postgresql://etl:x@127.0.0.1:40001/another", False),
        ("postgresql://somebody:x@127.0.0.1:40001/etl", False),
        ("postgresql://etl:x@127.0.0.1:40009/etl", False),
        ("postgresql://etl:x@127.0.0.1/etl", False),
        ("postgresql://etl:x@db.example.org:40001/etl", False),
        ("no url", False),
    ],
)
def test_a_url_is_the_embedded_databases_by_host_port_database_and_user(url: str, is_embedded: bool) -> None:
    assert KNOWN.is_database(url) is is_embedded


@pytest.mark.parametrize(
    ("bootstrap", "is_embedded"),
    [
        ("127.0.0.1:40002", True),
        (" localhost:40002 ", True),
        ("127.0.0.1:40003", False),
        ("127.0.0.1:40002,broker.example.org:9092", False),
        (",", False),
    ],
)
def test_bootstrap_servers_are_the_embedded_brokers_only_if_all_are(bootstrap: str, is_embedded: bool) -> None:
    assert KNOWN.is_kafka(bootstrap) is is_embedded


def test_addresses_of_earlier_starts_are_remembered_without_passwords(settings: Settings) -> None:
    settings.services.mkdir(parents=True)
    # As a version wrote it that remembered nothing yet.
    write_private(settings.endpoints_file, json.dumps({"kafka_bootstrap": "127.0.0.1:40002", "database_url": URL}))
    for port in (40002, 40004):
        now = Settings.load(home=settings.home)
        services._write_endpoints(now, Service("kafka", 0, 0, f"127.0.0.1:{port}", port, ""), None)
    exported = Settings.load(home=settings.home, kafka_bootstrap="127.0.0.1:40002", database_url=URL)
    assert (exported.kafka_is_embedded, exported.kafka()) == (True, "127.0.0.1:40004")
    assert exported.database_is_embedded
    with pytest.raises(ServiceUnavailable, match=r"ETL_DATABASE_URL names the embedded one and .* is not running"):
        exported.database()
    assert "s3cret" not in settings.known_endpoints_file.read_text()
    assert settings.known_endpoints_file.stat().st_mode & 0o777 == 0o600
    assert read(settings.known_endpoints_file).kafka == ("127.0.0.1:40002", "127.0.0.1:40004")


def test_a_damaged_memory_is_the_same_as_none(settings: Settings) -> None:
    settings.services.mkdir(parents=True)
    for text in ("", "{", "[]", '{"kafka": 1, "database": []}'):
        settings.known_endpoints_file.write_text(text)
        assert read(settings.known_endpoints_file) == Known()


def test_only_a_certain_number_is_remembered() -> None:
    known = KNOWN
    for port in range(41_000, 41_150):
        known = known.with_endpoints({"kafka_bootstrap": f"127.0.0.1:{port}"})
    assert len(known.kafka) == 100
    assert known.is_kafka("127.0.0.1:41149")
    assert known.is_database(URL)


def test_a_place_holds_no_password() -> None:
    assert database_place("postgresql://etl:s3cret@h:1/d") == "etl@h:1/d"
