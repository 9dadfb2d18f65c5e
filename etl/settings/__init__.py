"""Every setting and every path, read once from `ETL_*` variables or `.env`.

Precedence: environment, then `.env` in `ETL_HOME`, then the files in `ETL_SECRETS_DIR`, then the endpoints that the embedded
services wrote to `ETL_HOME/.services` when they were started. A variable that names such an endpoint, also one of an earlier
start, means the embedded service: exporting what `python -m etl env` prints does not change which services are used.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from etl.errors import ConfigurationError, ServiceUnavailable
from etl.settings import endpoints, logs, paths
from etl.settings.api import ApiSettings
from etl.settings.endpoints import Known
from etl.settings.packaged import CLONE, default_home
from etl.settings.receivers import Receiver, receivers, secret_parts, split_urls
from etl.settings.secrets import passwords_of, require_readable
from etl.settings.superset import SupersetSettings

PROJECT_ROOT = CLONE or Path()
"""The clone's folder, for tests and benchmarks, which run nowhere else; the package asks `etl.settings.packaged`."""


class Settings(ApiSettings, SupersetSettings):
    """All settings, frozen; secrets are masked in `repr`. Build it with `Settings.load()`."""

    model_config = SettingsConfigDict(env_prefix="ETL_", env_file_encoding="utf-8", frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=default_home,
        validate_default=True,
        description="folder of checkpoint/, output/, backup/ and .services/",
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of your own database; without it the embedded PostgreSQL is used"
    )
    kafka_bootstrap: str | None = Field(
        None, description="host:port of your own Kafka; without it the embedded broker is used"
    )
    kafka_security_protocol: str = Field("PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
    kafka_sasl_mechanism: str = Field("PLAIN", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    kafka_sasl_username: str | None = Field(None, description="user name for SASL")
    kafka_sasl_password: SecretStr | None = Field(None, description="password for SASL")
    kafka_ca_file: Path | None = Field(None, description="PEM file with the certificate authority of the brokers")
    kafka_timeout_seconds: float = Field(15.0, gt=0, description="longest wait for an answer from Kafka")
    schema_registry: str | None = Field(
        None, description="URL of the schema registry, for feeds whose messages are Avro"
    )
    schema_registry_user: str | None = Field(None, description="user name for the schema registry")
    schema_registry_password: SecretStr | None = Field(None, description="password for the schema registry")
    database_timeout_seconds: int = Field(10, ge=1, description="longest wait for a connection to the database")
    statement_timeout_seconds: float = Field(
        300.0, ge=1, description="longest time for a statement, and for a connection without an answer"
    )
    retry_seconds: float = Field(
        10.0, ge=0, description="how long a job retries while the database or Kafka is unavailable"
    )
    spark_master: str = Field("local[*]", description="Spark master URL")
    spark_executor_seconds: float = Field(
        60.0, gt=0, description="longest wait for the first executor of a Spark cluster"
    )
    spark_driver_memory: str = Field("1g", description="heap of Spark's JVM")
    kernel_cycles: int = Field(500, ge=1, description="cycles after which scheduled notebooks get a new kernel")
    kernel_memory_mb: int = Field(
        4096, ge=1, description="memory of kernel and Spark together above which the next cycle gets a new kernel"
    )
    feeds: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="additional folders with feed contracts, separated like PATH"
    )
    jars: Path | None = Field(None, description="folder of the Java libraries (default: ETL_HOME/.services/jars)")
    ivy_settings: Path | None = Field(
        None, description="Ivy settings file, for machines that reach Maven repositories through a mirror"
    )
    install_java: bool = Field(True, description="whether Java 17 may be installed with apt when there is no Java")
    alert_urls: SecretStr | None = Field(
        None, description="whom to tell of incidents: URLs as apprise takes them, separated by blanks"
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="URL that is called when a cycle begins (URL/start), succeeds (URL) or fails (URL/fail)"
    )
    log_format: Literal["text", "json"] = Field("text", description="text, or one JSON object a line")
    secrets_dir: Path | None = Field(
        None, description="folder with secrets, one file a setting, named like it in lower case (etl_database_url)"
    )

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the settings; from now on this process logs as they say.

        :raises ConfigurationError: a variable has a value that cannot be used; names it.
        """
        env_file = Path(overrides.get("home") or os.environ.get("ETL_HOME") or default_home()) / ".env"
        try:
            settings = cls(_env_file=env_file, **overrides)
            if settings.secrets_dir:
                settings = cls(_env_file=env_file, _secrets_dir=settings.secrets_dir, **overrides)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = "ETL_" + str(first["loc"][0]).upper()
            raise ConfigurationError(
                f"{name}: {first['msg'].removeprefix('Value error, ')}",
                remedy=f"Set {name} in the environment, .env or ETL_SECRETS_DIR (see the README's table of settings).",
            ) from None
        logs.use(settings.log_format, settings.mask)
        return settings

    @field_validator("feeds", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("home", mode="after")
    @classmethod
    def _resolved(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("feeds", "jars", "ivy_settings", "kafka_ca_file", "superset_venv", mode="after")
    @classmethod
    def _absolute(cls, value: Path | tuple[Path, ...] | None) -> Path | tuple[Path, ...] | None:
        return paths.absolute(value)

    @field_validator("home", "jars", mode="after")
    @classmethod
    def _fit_for_java(cls, value: Path | None) -> Path | None:
        return paths.fit_for_java(value) if value else None

    @field_validator(
        "database_url",
        "kafka_bootstrap",
        "schema_registry",
        "secrets_dir",
        "alert_urls",
        "heartbeat_url",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("secrets_dir", mode="after")
    @classmethod
    def _has_readable_files(cls, value: Path | None) -> Path | None:
        return value and require_readable(value.expanduser())

    @field_validator("schema_registry", mode="after")
    @classmethod
    def _without_login(cls, value: str | None) -> str | None:
        """Refuse what is no URL, and a URL with a password: it is shown in messages."""
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("it is not a URL that begins with http:// or https://")
        if "@" in value:
            raise ValueError("user and password are set with ETL_SCHEMA_REGISTRY_USER and ETL_SCHEMA_REGISTRY_PASSWORD")
        return value

    @property
    def checkpoint(self) -> Path:
        return self.home / "checkpoint"

    @property
    def output(self) -> Path:
        return self.home / "output"

    @property
    def backup(self) -> Path:
        return self.home / "backup"

    @property
    def runs(self) -> Path:
        return self.output / "runs"

    @property
    def services(self) -> Path:
        return self.home / ".services"

    @property
    def locks(self) -> Path:
        return self.services / "locks"

    @property
    def spool(self) -> Path:
        """Audit rows that wait until the database answers again."""
        return self.services / "audit-spool"

    @property
    def jars_folder(self) -> Path:
        return self.jars or self.services / "jars"

    @property
    def endpoints_file(self) -> Path:
        """Addresses of the running embedded services (mode 0600: it contains the database password)."""
        return self.services / "endpoints.json"

    @property
    def known_endpoints_file(self) -> Path:
        """All addresses that the embedded services ever had, without passwords (`etl.settings.endpoints`)."""
        return self.services / "known-endpoints.json"

    @property
    def kafka_is_embedded(self) -> bool:
        """Whether Kafka is the embedded broker: none is set, or what is set is, or was, its address."""
        return self.kafka_bootstrap is None or self.known_endpoints.is_kafka(self.kafka_bootstrap)

    @property
    def database_is_embedded(self) -> bool:
        """Whether the database is the embedded one: none is set, or what is set is, or was, its address."""
        return self.database_url is None or self.known_endpoints.is_database(self.database_url.get_secret_value())

    @cached_property
    def known_endpoints(self) -> Known:
        """The addresses that the embedded services of this home have or had."""
        return endpoints.read(self.known_endpoints_file).with_endpoints(self._endpoints)

    @cached_property
    def _endpoints(self) -> dict[str, str]:
        try:
            loaded: dict[str, str] = json.loads(self.endpoints_file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return loaded

    @cached_property
    def receivers(self) -> tuple[Receiver, ...]:
        """Who is told of incidents."""
        return receivers(self.alert_urls)

    def mask(self, message: str) -> str:
        """A message with every secret of the settings replaced by ***."""
        for secret in self._secrets():
            message = message.replace(secret, "***")
        return message

    def _secrets(self) -> list[str]:
        passwords = (self.kafka_sasl_password, self.schema_registry_password, self.superset_admin_password)
        found = {password.get_secret_value() for password in passwords if password}
        found |= passwords_of(self._endpoints.get("database_url", ""))
        superset = (self.superset_database_url, self.superset_metadata_url)
        for url in (self.database_url, self.api_database_url, *superset):
            found |= passwords_of(url.get_secret_value()) if url else set()
        told = [*split_urls(self.alert_urls), *split_urls(self.heartbeat_url)]
        found |= secret_parts(told).union(*map(passwords_of, told))
        # As given, decoded, and as others write it: percent-encoded in a URL, escaped in Kafka's JAAS line.
        plain = {unquote(secret) for secret in found} | found
        written = {quote(secret, safe="") for secret in plain} | {
            json.dumps(secret, ensure_ascii=False)[1:-1] for secret in plain
        }
        # The longest first: one may be part of another.
        return sorted(filter(None, plain | written), key=len, reverse=True)

    def kafka(self) -> str:
        """The bootstrap servers to use.

        :raises ServiceUnavailable: no Kafka is set, and the embedded one is not running.
        """
        found = self._endpoints.get("kafka_bootstrap") if self.kafka_is_embedded else self.kafka_bootstrap
        if not found:
            raise ServiceUnavailable(
                f"No Kafka: {_unset('ETL_KAFKA_BOOTSTRAP', self.kafka_bootstrap)} and the embedded broker is not running.",
                remedy="Start it with `python -m etl up`, or set ETL_KAFKA_BOOTSTRAP to your own.",
            )
        return found

    def database(self) -> SecretStr:
        """The database URL to use, with its password.

        :raises ServiceUnavailable: no database is set, and the embedded one is not running.
        """
        if self.database_url and not self.database_is_embedded:
            return self.database_url
        if found := self._endpoints.get("database_url"):
            return SecretStr(found)
        raise ServiceUnavailable(
            f"No database: {_unset('ETL_DATABASE_URL', self.database_url)} and the embedded PostgreSQL is not running.",
            remedy="Start it with `python -m etl up`, or set ETL_DATABASE_URL to your own.",
        )


def _unset(variable: str, value: object) -> str:
    """Why the embedded service is used."""
    return f"{variable} names the embedded one" if value else f"{variable} is not set"
