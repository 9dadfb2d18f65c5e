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


def test_secrets_come_from_files_after_the_environment_and_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    url = f"postgresql://etl:{quote(CANARY, safe='')}@db/iot"
    (secrets / "etl_database_url").write_text(f"{url}\n", "utf-8")
    (secrets / "etl_kafka_sasl_username").write_text("from-secrets", "utf-8")
    (secrets / "etl_spark_master").write_text("local[7]", "utf-8")
    (secrets / "other").mkdir()
    (tmp_path / ".env").write_text("ETL_KAFKA_SASL_USERNAME=from-env-file\n", "utf-8")
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.setenv("ETL_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("ETL_SPARK_MASTER", "local[3]")
    settings = Settings.load()
    assert settings.database().get_secret_value() == url, "without the end of the line"
    assert settings.kafka_sasl_username == "from-env-file"
    assert settings.spark_master == "local[3]"
    assert CANARY not in settings.mask(f"no {CANARY}, please") + repr(settings)


def test_the_folder_of_secrets_may_be_named_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / "etl_superset_admin_password").write_text(CANARY, "utf-8")
    (tmp_path / ".env").write_text(f"ETL_SECRETS_DIR={tmp_path}\n", "utf-8")
    settings = Settings.load(home=tmp_path)
    assert settings.superset_admin_password is not None
    assert settings.superset_admin_password.get_secret_value() == CANARY
    assert settings.mask(CANARY) == "***"


@pytest.mark.parametrize("spoil", ["missing", "folder", "bytes"])
def test_a_secret_that_cannot_be_read_is_an_error_that_names_its_file(tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "secrets"
    file = folder / "etl_database_url"
    if spoil == "missing":
        file = folder
    elif spoil == "folder":
        file.mkdir(parents=True)
    else:
        folder.mkdir()
        file.write_bytes(b"postgresql://\xff")
    with pytest.raises(ConfigurationError, match=f"^ETL_SECRETS_DIR: {file} (cannot be read|is not UTF-8)"):
        Settings.load(home=tmp_path, secrets_dir=folder)


def test_a_value_from_a_file_that_cannot_be_used_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "etl_retry_seconds").write_text("soon", "utf-8")
    with pytest.raises(ConfigurationError, match="ETL_RETRY_SECONDS") as refused:
        Settings.load(home=tmp_path, secrets_dir=tmp_path)
    assert "ETL_SECRETS_DIR" in refused.value.remedy
