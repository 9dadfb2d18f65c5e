"""Tokens: who may ask the API, and for what. The database holds only their SHA-256; a token itself is shown once."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from etl.contract.durations import LONGEST_SECONDS, parse_duration
from etl.database.schema.tables.api_tables import NAME_LENGTH, etl_api_token
from etl.errors import ConfigurationError

PREFIX = "etl_"
"""By it tools that search for leaked secrets can find a token."""
_BYTES = 32
_token = etl_api_token.c


class Scope(StrEnum):
    """What a token may ask for."""

    READ = "read"
    RAW = "raw"
    """Also the texts of rejected rows."""


@dataclass(frozen=True)
class Token:
    """A token that is valid."""

    token_id: int
    name: str
    scopes: frozenset[Scope]


class Refused(Exception):
    """A token that is not valid; the text says why, to whoever has it."""


def new(connection: Connection, name: str, scopes: Iterable[Scope], lifetime: str | None = None) -> str:
    """Make a token and return it; it cannot be read again.

    :param lifetime: such as 12h or 90d; None: until it is revoked.
    :raises ConfigurationError: the name is in use, or the lifetime is no duration.
    """
    now = datetime.now(UTC)
    if not name.strip() or len(name) > NAME_LENGTH:
        raise ConfigurationError(f"{name!r} is no name.", remedy=f"Give a name of at most {NAME_LENGTH} characters.")
    if connection.execute(select(_token.token_id).where(_is_live(name))).first():
        raise ConfigurationError(
            f"There is a token {name!r}.",
            remedy=f"Take another name, or first end that one: `python -m etl api token revoke '{name}'`.",
        )
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    row = {
        "name": name,
        "sha256": _sha256(text),
        "scopes": " ".join(scope for scope in Scope if scope in scopes),
        "created_at": now,
        "created_by": getpass.getuser()[:NAME_LENGTH],
        "expires_at": None if lifetime is None else now + timedelta(seconds=_seconds(lifetime)),
    }
    connection.execute(insert(etl_api_token).values(**row))
    return text


def list_tokens(connection: Connection) -> list[dict[str, Any]]:
    """Every token that was ever made, the newest first, without its SHA-256."""
    columns = [column for column in etl_api_token.columns if column.name != "sha256"]
    query = select(*columns).order_by(_token.token_id.desc())
    return [dict(row) for row in connection.execute(query).mappings()]


def revoke(connection: Connection, name: str) -> None:
    """End a token, at once.

    :raises ConfigurationError: there is none of this name, or it was revoked.
    """
    if not connection.execute(
        update(etl_api_token).where(_is_live(name)).values(revoked_at=datetime.now(UTC))
    ).rowcount:
        raise ConfigurationError(
            f"There is no token {name!r}, or it was revoked.", remedy="`python -m etl api token list` shows all."
        )


def verify(connection: Connection, text: str) -> Token:
    """The token with this text.

    :raises Refused: it is not known, has expired or was revoked.
    """
    digest = _sha256(text)
    row = connection.execute(select(etl_api_token).where(_token.sha256 == digest)).first()
    if row is None or not hmac.compare_digest(row.sha256, digest):
        raise Refused("This token is not known.")
    if row.revoked_at is not None:
        raise Refused("This token was revoked.")
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        raise Refused("This token has expired.")
    return Token(row.token_id, row.name, frozenset(map(Scope, row.scopes.split())))


def record_use(connection: Connection, token_id: int) -> None:
    """Write down that a token is used now."""
    connection.execute(update(etl_api_token).where(_token.token_id == token_id).values(last_used_at=datetime.now(UTC)))


def _is_live(name: str) -> Any:
    """Which row has a name: one that was revoked gives it up."""
    return (_token.name == name) & _token.revoked_at.is_(None)


def _sha256(text: str) -> str:
    # Not a slow hash as for passwords: a token has 256 random bits, so none can be guessed from its hash.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _seconds(lifetime: str) -> float:
    seconds = parse_duration(lifetime, "smhdw")
    if not seconds or seconds > LONGEST_SECONDS:
        raise ConfigurationError(f"{lifetime!r} is no duration.", remedy="Write 12h, 90d or 52w.")
    return seconds
