"""Somebody else's Kafka: what stands in the way is named, and a user needs no more rights than the documents say."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

from etl.errors import ConfigurationError, MissingRight, ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.produce.job import produce
from etl.operations.feeds.topic_sample import sample_topic
from etl.services import kafka
from etl.settings import Settings
from etl.storage.kafka import create, describe
from tests.support.sasl import RIGHTS, sasl_broker
from tests.support.stack import Project

USER, PASSWORD, TOPIC = "etl", "known-to-the-broker", "readings"
LOGIN = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_username": USER, "kafka_sasl_password": PASSWORD}
READ = (ACLOperation.DESCRIBE, ACLOperation.READ)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A broker's address for a user who has no right, and one for everything; it has a topic."""
    folder = tmp_path_factory.mktemp("guarded") / "broker"
    with sasl_broker(folder, USER, PASSWORD, RIGHTS) as (closed, opened):
        kafka.create_topics(opened, [TOPIC])
        yield closed, opened


def settings_for(bootstrap: str, **more: object) -> Settings:
    return Settings.load(**{"kafka_bootstrap": bootstrap, "kafka_timeout_seconds": 3, **more})


def test_a_topic_that_the_user_may_not_see_is_no_topic_without_messages(guarded: tuple[str, str]) -> None:
    settings = settings_for(guarded[0], **LOGIN)
    refused = rf"does not allow user '{USER}' to describe topic '{TOPIC}' \(TopicAuthorizationFailedError\)"
    with pytest.raises(MissingRight, match=refused) as error:
        describe(settings, TOPIC)
    assert "allowed to describe and read the topic" in error.value.remedy
    with pytest.raises(MissingRight, match=f"does not allow user '{USER}' to create topic 'new'"):
        create(settings, "new")


def test_a_wrong_password_is_among_what_to_check(guarded: tuple[str, str]) -> None:
    settings = settings_for(guarded[0], **{**LOGIN, "kafka_sasl_password": "wrong"})
    with pytest.raises(ServiceUnavailable, match="did not answer within 3 s") as error:
        describe(settings, TOPIC)
    assert "check ETL_KAFKA_SASL_USERNAME, ETL_KAFKA_SASL_PASSWORD" in error.value.remedy


def test_a_user_who_may_only_read_reads(guarded: tuple[str, str], project: Project) -> None:
    closed, opened = guarded
    kafka.create_topics(opened, [project.topic])
    theirs = project.settings.model_copy(update={"kafka_bootstrap": opened})
    produce(theirs, project.contract, messages=50, bad_share=0)
    grant(opened, project.topic, READ)
    reader = replace(
        project,
        settings=Settings.load(**{**dict(theirs), "kafka_bootstrap": closed, **LOGIN}),
        env={
            **project.env,
            **{f"ETL_{name.upper()}": value for name, value in LOGIN.items()},
            "ETL_KAFKA_BOOTSTRAP": closed,
        },
    )
    assert consume(reader.settings, project.contract).counts.read == 50
    (kafka_check,) = (
        finding
        for finding in json.loads(reader.etl("doctor", "--json", expect=None).stdout)
        if finding["check"] == "Kafka"
    )
    assert kafka_check["ok"]


def test_a_user_who_may_not_write_sends_nothing_and_is_told(guarded: tuple[str, str], project: Project) -> None:
    closed, opened = guarded
    kafka.create_topics(opened, [project.topic])
    grant(opened, project.topic, READ)
    reader = Settings.load(**{**dict(project.settings), "kafka_bootstrap": closed, **LOGIN})
    with pytest.raises(MissingRight, match=f"does not allow user '{USER}' to write to topic '{project.topic}'"):
        produce(reader, project.contract, messages=5)
    assert [(row["job_name"], row["status"]) for row in project.log()] == [("produce", "FAILED")]
    assert sum(describe(settings_for(opened), project.topic).end.values()) == 0


def grant(opened: str, topic: str, operations: tuple[ACLOperation, ...]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=opened)
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    admin.create_acls(
        [ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, pattern) for operation in operations]
    )
    admin.close()


def test_an_address_that_only_the_broker_knows_is_named(tmp_path: Path) -> None:
    """As of a broker in a container, which clients outside of it ask."""
    advertised = "advertised.listeners=PLAINTEXT://127.0.0.1:{open},LOGIN://broker-in-its-container.invalid:{closed}\n"
    with (
        sasl_broker(tmp_path / "broker", USER, PASSWORD, advertised) as (closed, _),
        pytest.raises(
            ServiceUnavailable, match=r"its broker wants to be called broker-in-its-container\.invalid"
        ) as error,
    ):
        describe(settings_for(closed, **LOGIN), TOPIC)
    assert "this machine knows no host 'broker-in-its-container.invalid'" in error.value.cause
    assert "advertised.listeners" in error.value.remedy


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a program that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_an_address_where_no_broker_is_says_why(silent: str) -> None:
    def found(bootstrap: str, **more: object) -> str:
        with pytest.raises(ServiceUnavailable) as error:
            describe(settings_for(bootstrap, kafka_timeout_seconds=1, **more), TOPIC)
        return str(error.value)

    assert "(nobody listens on 127.0.0.1:9)" in found("127.0.0.1:9")
    assert "(this machine knows no host 'nowhere.invalid')" in found("nowhere.invalid")
    assert "(KafkaTimeoutError: Unable to bootstrap" in found(f"127.0.0.1:9,{silent}"), "one of them takes connections"


def test_both_clients_trust_the_authority_that_is_given_and_no_other(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, authorities = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(authorities)
    with sasl_broker(tmp_path / "broker", USER, PASSWORD, tls=authority) as (closed, opened):
        kafka.create_topics(opened, [project.topic])
        login = {**LOGIN, "kafka_security_protocol": "SASL_SSL", "kafka_bootstrap": closed, "kafka_timeout_seconds": 3}
        untrusted = Settings.load(**{**dict(project.settings), **login})
        with pytest.raises(ServiceUnavailable, match=f"no TLS with {closed}: .*certificate") as error:
            describe(untrusted, project.topic)
        assert "ETL_KAFKA_CA_FILE" in error.value.remedy
        trusted = Settings.load(**{**dict(untrusted), "kafka_ca_file": authorities})
        produce(trusted, project.contract, messages=50, bad_share=0)

        # An authority that the system trusts and Java does not: Spark alone is refused, more than once.
        monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
        for _ in range(3):
            with pytest.raises(ConfigurationError, match="Spark do not come to terms about TLS") as spark:
                consume(untrusted, project.contract)
        assert "ETL_KAFKA_CA_FILE" in spark.value.remedy
        assert consume(trusted, project.contract).counts.read == 50


def test_tls_with_a_broker_that_has_none_is_named(guarded: tuple[str, str]) -> None:
    with pytest.raises(ServiceUnavailable, match=f"no TLS with {guarded[1]}: ") as error:
        describe(settings_for(guarded[1], kafka_security_protocol="SSL"), TOPIC)
    assert "ETL_KAFKA_CA_FILE" in error.value.remedy


def test_a_user_who_may_not_read_is_told(guarded: tuple[str, str], project: Project) -> None:
    closed, opened = guarded
    kafka.create_topics(opened, [project.topic])
    theirs = project.settings.model_copy(update={"kafka_bootstrap": opened})
    produce(theirs, project.contract, messages=50, bad_share=0)
    grant(opened, project.topic, (ACLOperation.DESCRIBE,))
    reader = Settings.load(**{**dict(project.settings), "kafka_bootstrap": closed, **LOGIN})
    refused = rf"does not allow user '{USER}' to read topic '{project.topic}'"
    for _ in range(3):
        with pytest.raises(MissingRight, match=refused):
            consume(reader, project.contract)
    with pytest.raises(MissingRight, match=refused):
        sample_topic(reader, project.topic, 10)
    grant(opened, project.topic, READ)
    assert consume(reader, project.contract).counts.read == 50
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0
