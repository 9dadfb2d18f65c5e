from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from etl.errors import ConfigurationError, ServiceUnavailable
from etl.settings import Settings

CANARY = "s3cr/et:[?"


def test_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ETL_KAFKA_BOOTSTRAP=file:1\nETL_SPARK_MASTER=local[1]\n")
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.setenv("ETL_KAFKA_BOOTSTRAP", "environment:2")
    settings = Settings.load()
    assert settings.kafka() == "environment:2"
    assert settings.spark_master == "local[1]"


def test_embedded_services_are_used_where_nothing_else_is_set(settings: Settings) -> None:
    settings.services.mkdir(parents=True)
    endpoints = {"kafka_bootstrap": "127.0.0.1:9", "database_url": "postgresql://u:p@127.0.0.1:5/d"}
    settings.endpoints_file.write_text(json.dumps(endpoints))
    assert settings.kafka() == "127.0.0.1:9"
    assert settings.database().get_secret_value() == endpoints["database_url"]


def test_without_any_service_the_error_says_how_to_start_one(settings: Settings) -> None:
    with pytest.raises(ServiceUnavailable, match="python -m etl up"):
        settings.kafka()
    with pytest.raises(ServiceUnavailable, match="ETL_DATABASE_URL"):
        settings.database()


def test_a_value_that_cannot_be_used_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_DATABASE_TIMEOUT_SECONDS", "soon")
    with pytest.raises(ConfigurationError, match="ETL_DATABASE_TIMEOUT_SECONDS"):
        Settings.load()


@pytest.mark.parametrize("written", [CANARY, "s3cr%2Fet%3A%5B%3F"])
def test_secrets_are_masked(written: str) -> None:
    settings = Settings.load(database_url=f"postgresql://u:{written}@h/d", kafka_sasl_password="kafka-" + CANARY)
    assert CANARY not in repr(settings)
    message = settings.mask(f"cannot connect with {CANARY} or {written} or kafka-{CANARY}")
    assert CANARY not in message
    assert written not in message


def test_nothing_of_a_receivers_url_but_scheme_and_host_is_shown() -> None:
    urls = (
        f"mailtos://ops:{quote(CANARY, safe='')}@mail.example.org?to=night@example.org",
        "slack://T0K3NA1B2C/B0T0K3N2D4/xoxbT0k3nC5D6/#alerts",
        "jsons://hooks.example.org:8443/services/Zq8fR2mT1xY7",
        "jsons://hooks.example.org:8443/services/Kq9fR2mT1xY8",
    )
    settings = Settings.load(alert_urls=" ".join(urls), heartbeat_url="https://ping.example.org/0b1c7d7e-1d2f-4f5a")
    labels = [receiver.label for receiver in settings.receivers]
    assert labels[:2] == ["mailtos://mail.example.org", "slack://…"]
    assert labels[2:] == ["jsons://hooks.example.org:8443", "jsons://hooks.example.org:8443 (2)"]
    said = settings.mask(f"{urls} 0b1c7d7e-1d2f-4f5a {CANARY} Zq8fR2mT1xY7: call services, alerts at hooks.example.org")
    for secret in (CANARY, "T0K3N", "Zq8fR", "Kq9fR", "0b1c7d7e", "night@"):
        assert secret not in said
    assert "call services, alerts at hooks.example.org" in said, "plain words stay readable"
    assert not any(secret in f"{settings!r}{labels}" for secret in (CANARY, "T0K3N", "Zq8fR", "0b1c7d7e"))


def test_an_empty_variable_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_KAFKA_BOOTSTRAP", "")
    monkeypatch.setenv("ETL_DATABASE_URL", "")
    settings = Settings.load()
    assert settings.kafka_bootstrap is None
    assert settings.database_url is None


@pytest.mark.parametrize("name", ["a:b", "a\nb", "a\x1bb", "a\udcfcb", "a🙂b"])
@pytest.mark.parametrize("variable", ["home", "jars"])
def test_a_folder_that_java_cannot_take_is_refused_at_the_start(tmp_path: Path, variable: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^ETL_{variable.upper()}: .*(use another folder|Java)"):
        Settings.load(**{variable: tmp_path / name})
