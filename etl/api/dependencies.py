"""What routes ask FastAPI for, by an annotation: the caller's token, a connection to the database, the contract of a feed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import structlog
from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from sqlalchemy import Connection

from etl.api import tokens
from etl.api.problems import Problem
from etl.api.tokens import Scope, Token
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import transaction
from etl.database.schema.feed_table import with_added_columns
from etl.errors import EtlError
from etl.settings import Settings

log = structlog.get_logger("api")

_USE_SECONDS = 60.0
"""How often it is written down that a token is used."""
_MAKE_ONE = "Whoever runs the server makes a token with `python -m etl api token new NAME`."
_bearer = HTTPBearer(auto_error=False, description="A token that was made by `python -m etl api token new`.")
_basic = HTTPBasic(
    auto_error=False, description="For browsers, Excel and Power BI: any user name, the token as password."
)


def connection(request: Request) -> Iterator[Connection]:
    """A transaction that can only read, open until the answer has been sent."""
    with transaction(request.app.state.engine) as opened:
        yield opened


Database = Annotated[Connection, Depends(connection)]


async def settings(request: Request) -> Settings:
    """The server's settings."""
    read: Settings = request.app.state.settings
    return read


ServerSettings = Annotated[Settings, Depends(settings)]


async def given_token(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
) -> str:
    """The text of a token, as the request has it.

    :raises Problem: 401, there is none; the database is not asked.
    """
    text = bearer.credentials if bearer else basic.password if basic else ""
    if not text:
        raise _unauthorized("This needs a token.", "")
    return text


def token(request: Request, text: Annotated[str, Depends(given_token)], database: Database) -> Token:
    """The caller's token, whatever it may ask for.

    :raises Problem: 401, it is not valid; 429, it has sent too many requests.
    """
    try:
        valid = tokens.verify(database, text)
    except tokens.Refused as refused:
        raise _unauthorized(str(refused), ', error="invalid_token"') from None
    # From here on errors are told in full (`etl.api.problems`).
    request.state.token = valid
    if too_many := request.app.state.rate_limit.refuse(valid.token_id):
        raise too_many
    _record_use(request, valid)
    return valid


def _unauthorized(detail: str, error: str) -> Problem:
    # Two headers: browsers take one challenge from each.
    challenges = (f'Bearer realm="etl"{error}', 'Basic realm="etl", charset="UTF-8"')
    return Problem(401, detail, remedy=_MAKE_ONE, headers={"WWW-Authenticate": challenges})


def _record_use(request: Request, used: Token) -> None:
    """Write down that a token is used, now and then; where that is not possible, it is left."""
    state, now = request.app.state, time.monotonic()
    if state.writer is None or now - state.used_at.get(used.token_id, -_USE_SECONDS) < _USE_SECONDS:
        return
    state.used_at[used.token_id] = now
    try:
        with transaction(state.writer) as writing:
            tokens.record_use(writing, used.token_id)
    except EtlError as error:
        log.warning("the use of a token could not be written down", cause=error.cause)


async def may_read(used: Annotated[Token, Depends(token)]) -> Token:
    """The caller's token, which may read.

    :raises Problem: 403, it may not.
    """
    if Scope.READ not in used.scopes:
        challenge = f'Bearer realm="etl", error="insufficient_scope", scope="{Scope.READ}"'
        raise Problem(403, "This token may not read.", remedy=_MAKE_ONE, headers={"WWW-Authenticate": challenge})
    return used


MayRead = Annotated[Token, Depends(may_read)]


async def feed(
    request: Request, _: MayRead, feed: Annotated[str, Path(description="name of the feed, such as sensor_readings")]
) -> Contract:
    """The contract of the feed in the path, as its file has it.

    :raises Problem: 404, there is none; names those there are.
    """
    contracts: dict[str, Contract] = request.app.state.contracts
    if feed not in contracts:
        raise Problem(404, f"There is no feed {feed!r}.", remedy=f"These are: {', '.join(sorted(contracts))}.")
    return contracts[feed]


Feed = Annotated[Contract, Depends(feed)]


def evolved_feed(contract: Feed, database: Database) -> EvolvedContract:
    """The contract of the feed in the path, with the columns that its table has gained."""
    return with_added_columns(database, contract)


EvolvedFeed = Annotated[EvolvedContract, Depends(evolved_feed)]
