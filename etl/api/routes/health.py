"""Whether the server runs, which anybody may ask, and whether it can answer requests."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from etl.api.dependencies import Database
from etl.database.schema.migrations import require_current

router = APIRouter(tags=["health"])
with_token = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The server runs."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The server can answer requests."""

    status: Literal["ready"] = "ready"


@router.get("/health")
async def health() -> Alive:
    """Whether the server runs, whatever the state of its database is. Needs no token."""
    return Alive()


@with_token.get("/ready")
def ready(database: Database) -> Ready:
    """Whether requests can be answered: the database answers, and its tables are those of this version; otherwise 503."""
    require_current(database)
    return Ready()
