"""Somebody else's Kafka: what stands in the way is named, and a user needs no more rights than the documents say."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
SHORT = {"kafka_timeout_seconds": 3}
"""For calls that nobody answers."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A broker's address for a user who has no right, and one for everything; it has a topic."""
    folder = tmp_path_factory.mktemp("guarded") / "broker"
    with sasl_broker(folder, USER, PASSWORD, RIGHTS) as (closed, opened):
        kafka.create_topics(opened, [TOPIC])
        yield closed, opened


@pytest.fixture
def filled(guarded: tuple[str, str], project: Project) -> Project:
    """The project, with 50 messages in its topic on that broker, as the user there; who has no right on the topic yet."""
    closed, opened = guarded
    kafka.create_topics(opened, [project.topic])
    produce(project.settings.model_copy(update={"kafka_bootstrap": opened}), project.contract, messages=50, bad_share=0)
    login = {"kafka_bootstrap": closed, **LOGIN}
    return replace(
        project,
        settings=Settings.load(**{**dict(project.settings), **login}),
        env={**project.env, **{f"ETL_{name.upper()}": value for name, value in login.items()}},
    )


def settings_for(bootstrap: str, **more: object) -> Settings:
    return Settings.load(**{"kafka_bootstrap": bootstrap, **more})


def test_a_topic_that_the_user_may_not_see_is_no_topic_without_messages(guarded: tuple[str, str]) -> None:
    settings = settings_for(guarded[0], **LOGIN)
    refused = rf"does not allow user '{USER}' to describe topic '{TOPIC}' \(TopicAuthorizationFailedError\)"
    with pytest.raises(MissingRight, match=refused) as error:
        describe(settings, TOPIC)
    assert "allowed to describe and read the topic" in error.value.remedy
    with pytest.raises(MissingRight, match=f"does not allow user '{USER}' to create topic 'new'"):
        create(settings, "new")


def test_a_wrong_password_is_among_what_to_check(guarded: tuple[str, str]) -> None:
    settings = settings_for(guarded[0], **{**LOGIN, **SHORT, "kafka_sasl_password": "wrong"})
    with pytest.raises(ServiceUnavailable, match="did not answer within 3 s") as error:
        describe(settings, TOPIC)
    assert "check ETL_KAFKA_SASL_USERNAME, ETL_KAFKA_SASL_PASSWORD" in error.value.remedy


def test_a_topic_that_the_broker_does_not_take_is_no_silence(guarded: tuple[str, str]) -> None:
    with pytest.raises(ServiceUnavailable, match=r"it is to describe topic 'no/topic': InvalidTopicError\. ") as error:
        describe(settings_for(guarded[1]), "no/topic")
    assert "did not answer" not in str(error.value)


def test_of_several_that_create_a_topic_at_once_one_does(guarded: tuple[str, str]) -> None:
    settings = settings_for(guarded[1])
    with ThreadPoolExecutor(3) as pool:
        for number in range(3):
            created = [pool.submit(create, settings, f"at-once-{number}") for _ in range(3)]
            assert sorted(one.result() for one in created) == [False, False, True]


def test_a_user_who_may_only_read_reads(guarded: tuple[str, str], filled: Project) -> None:
    grant(guarded[1], filled.topic, READ)
    assert consume(filled.settings, filled.contract).counts.read == 50
    found = json.loads(filled.etl("doctor", "--json", expect=None).stdout)
    assert [finding["ok"] for finding in found if finding["check"] == "Kafka"] == [True]


def test_a_user_who_may_not_write_sends_nothing_and_is_told(guarded: tuple[str, str], filled: Project) -> None:
    grant(guarded[1], filled.topic, READ)
    with pytest.raises(MissingRight, match=f"does not allow user '{USER}' to write to topic '{filled.topic}'"):
        produce(filled.settings, filled.contract, messages=5)
    assert [(row["job_name"], row["status"]) for row in filled.log()][-1] == ("produce", "FAILED")
    assert sum(describe(settings_for(guarded[1]), filled.topic).end.values()) == 50


def test_a_user_who_may_not_read_is_told(guarded: tuple[str, str], filled: Project) -> None:
    grant(guarded[1], filled.topic, (ACLOperation.DESCRIBE,))
    refused = rf"does not allow user '{USER}' to read topic '{filled.topic}'"
    for _ in range(3):
        with pytest.raises(MissingRight, match=refused):
            consume(filled.settings, filled.contract)
    with pytest.raises(MissingRight, match=refused):
        sample_topic(filled.settings, filled.topic, 10)
    grant(guarded[1], filled.topic, READ)
    assert consume(filled.settings, filled.contract).counts.read == 50
    assert filled.value("SELECT count(*) FROM etl_rejected_row") == 0


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
        login = {**LOGIN, "kafka_security_protocol": "SASL_SSL", "kafka_bootstrap": closed}
        untrusted = Settings.load(**{**dict(project.settings), **login})
        with pytest.raises(ServiceUnavailable, match=f"no TLS with {closed}: .*certificate") as error:
            describe(untrusted.model_copy(update=SHORT), project.topic)
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
        describe(settings_for(guarded[1], kafka_security_protocol="SSL", **SHORT), TOPIC)
    assert "ETL_KAFKA_CA_FILE" in error.value.remedy
