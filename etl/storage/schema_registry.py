"""Asks a schema registry for schemas, by the REST interface that Confluent's, Karapace, Redpanda and Apicurio share.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from etl.errors import ConfigurationError, EtlError, ServiceUnavailable
from etl.settings import Settings

REMEDY = (
    "Check ETL_SCHEMA_REGISTRY and that the registry is up (`python -m etl doctor`); then run again. Nothing is lost: what was"
    " not read is read then."
)
_CONTENT = "application/vnd.schemaregistry.v1+json"
_ACCEPT = f"{_CONTENT}, application/json"
_NOT_FOUND = 404
_NO_RIGHT = (401, 403)
_MOST_BYTES = 16 << 20
_DEEPEST = 50
"""Most schemas that refer to one another in a chain."""


@dataclass(frozen=True)
class SchemaRegistry:
    """A registry; the password is kept out of `repr`. Executors of Spark get a copy."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 15.0

    @classmethod
    def of(cls, settings: Settings) -> SchemaRegistry:
        """The registry of the settings.

        :raises ConfigurationError: none is set.
        """
        if settings.schema_registry is None:
            raise ConfigurationError(
                "The feed's messages are Avro, and ETL_SCHEMA_REGISTRY is not set.",
                remedy="Set it to the URL of the schema registry, such as http://registry.example.org:8081.",
            )
        password = settings.schema_registry_password
        return cls(
            settings.schema_registry.rstrip("/"),
            settings.schema_registry_user or "",
            password.get_secret_value() if password else "",
            settings.kafka_timeout_seconds,
        )

    def require(self) -> None:
        """Ask anything.

        :raises ServiceUnavailable: the registry does not answer.
        :raises ConfigurationError: it refuses the user.
        """
        self._ask("/schemas/types")

    def schema(self, number: int) -> tuple[str, ...] | None:
        """The texts of the Avro schemas that a schema refers to, each after those that it needs, and its own as the last.

        None where the registry has no schema of this number, has one of another type, or lacks one that it refers to.

        :raises ServiceUnavailable: the registry does not answer.
        :raises ConfigurationError: it refuses the user.
        """
        found = self._ask(f"/schemas/ids/{number}")
        if found is None or not _is_avro(found):
            return None
        referred: dict[tuple[str, str], str] = {}
        return (*referred.values(), found["schema"]) if self._resolve(found, referred) else None

    def register(self, subject: str, schema: str) -> int:
        """The number of an Avro schema, which becomes the newest version of a subject unless it is one of its versions already.

        :raises ServiceUnavailable: the registry does not answer.
        :raises ConfigurationError: it refuses the user.
        """
        said = json.dumps({"schema": schema}).encode()
        answer = self._ask(f"/subjects/{quote(subject, safe='')}/versions", said) or {}
        if not isinstance(number := answer.get("id"), int):
            raise _unavailable(self.url, "gave a new schema no number")
        return number

    def _resolve(self, schema: dict[str, Any], referred: dict[tuple[str, str], str], depth: int = 0) -> bool:
        """Add the schemas that a schema refers to; false where one is missing."""
        for reference in schema.get("references") or ():
            subject, version = str(reference["subject"]), str(reference["version"])
            if (subject, version) in referred:
                continue
            inner = self._ask(f"/subjects/{quote(subject, safe='')}/versions/{quote(version, safe='')}")
            if inner is None or not _is_avro(inner) or depth == _DEEPEST:
                return False
            if not self._resolve(inner, referred, depth + 1):
                return False
            referred[subject, version] = inner["schema"]
        return True

    def _ask(self, path: str, said: bytes | None = None) -> dict[str, Any] | None:
        """The registry's answer; None where it says that it has no such thing.

        :param said: what is given to it.
        """
        headers = {"Accept": _ACCEPT, **({"Content-Type": _CONTENT} if said else {})}
        request = Request(self.url + path, said, headers)  # noqa: S310 (the setting allows http and https only)
        if self.user or self.password:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {login}")
        try:
            with _OPENER.open(request, timeout=self.timeout_seconds) as answer:
                return _parsed(answer, self.url)
        except HTTPError as error:
            with error:
                if error.code == _NOT_FOUND and _says_not_found(error):
                    return None
                raise self._refusal(error.code) from None
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise _unavailable(self.url, f"did not answer ({getattr(error, 'reason', None) or error})") from None

    def _refusal(self, code: int) -> EtlError:
        if code in _NO_RIGHT:
            return ConfigurationError(
                f"The schema registry at {self.url} refuses user {self.user!r} (HTTP {code}).",
                remedy="Correct ETL_SCHEMA_REGISTRY_USER and ETL_SCHEMA_REGISTRY_PASSWORD, or give the user the right.",
            )
        return _unavailable(self.url, f"answered HTTP {code}")


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is reported instead of followed: it may lead anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirects)


def _unavailable(url: str, why: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"The schema registry at {url} {why}.", remedy=REMEDY)


def _is_avro(answer: dict[str, Any]) -> bool:
    return str(answer.get("schemaType", "AVRO")) == "AVRO" and isinstance(answer.get("schema"), str)


def _parsed(answer: IO[bytes], url: str) -> dict[str, Any]:
    found = json.loads(answer.read(_MOST_BYTES))
    if not isinstance(found, dict | list):
        raise _unavailable(url, "did not answer with JSON")
    return found if isinstance(found, dict) else {}


def _says_not_found(answer: IO[bytes]) -> bool:
    """Whether it is the registry that answers 404: its errors have numbers such as 40403. Any other server has none."""
    try:
        return str(json.loads(answer.read(_MOST_BYTES))["error_code"]).startswith(str(_NOT_FOUND))
    except (ValueError, KeyError, TypeError, OSError):
        return False
