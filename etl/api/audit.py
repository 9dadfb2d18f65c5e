"""What the API is asked about cycles, jobs, incidents and rejected rows, and what it says of them: parameters that several routes
have, and models made from the audit tables, with their comments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field, create_model
from sqlalchemy import JSON, Column, Table

from etl.database.schema.tables.audit_tables import etl_log, etl_rejected_row, etl_set_aside
from etl.database.schema.tables.incident_tables import etl_incident
from etl.operations.history import v_etl_cycles
from etl.operations.quarantine.causes import Cause

# What no row can have is refused before the database is asked.
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$"
"""As cycles and feeds are called."""
_LARGEST = 2**63 - 1
"""Of a number that the database has."""
_PAGE_BEFORE = "`next` of the page before"

CycleId = Annotated[str, Path(pattern=_NAME, description="as `cycles` and `jobs` have it")]
RejectedId = Annotated[int, Path(ge=1, le=_LARGEST)]
OfFeed = Annotated[str | None, Query(alias="feed", pattern=_NAME, description="only of this feed")]
OfCycle = Annotated[str | None, Query(alias="cycle", pattern=_NAME, description="only of this cycle")]
AfterName = Annotated[str | None, Query(alias="after", pattern=_NAME, description=_PAGE_BEFORE)]
AfterNumber = Annotated[int | None, Query(alias="after", ge=1, le=_LARGEST, description=_PAGE_BEFORE)]
Limit = Annotated[int, Query(ge=1, le=1000, description="most entries of a page")]


def _row_of(table: Table, *names: str) -> type[BaseModel]:
    """A model of the rows of a table.

    :param names: its columns; without any: all.
    """
    columns = [table.c[name] for name in names] or list(table.columns)
    fields: dict[str, Any] = {column.name: (_type(column), Field(description=column.comment)) for column in columns}
    return create_model(f"Row_of_{table.name}", **fields)


def _type(column: Column[Any]) -> Any:
    if isinstance(column.type, JSON):
        return Any
    return column.type.python_type | None if column.nullable else column.type.python_type


class JobRow(_row_of(etl_log)):  # type: ignore[misc]
    """A job of a cycle, as `etl_log` has it."""


class Cycle(_row_of(v_etl_cycles)):  # type: ignore[misc]
    """A cycle as a whole: its jobs together."""


class Incident(_row_of(etl_incident)):  # type: ignore[misc]
    """What went wrong, and whether it is over."""


class Archive(BaseModel):
    """An archive that a cycle has loaded."""

    file_name: str
    source_name: str = Field(description="topic or file name")
    sha256: str
    bytes: int
    rows: int
    offset_ranges: dict[str, Any] = Field(description="per partition: first, next, rows")
    archived_at: datetime
    loaded_at: datetime
    undone_at: datetime | None = Field(description="when what it loaded was removed")
    moved_to: str | None = Field(description="where `prune --to` has put it, without login")
    moved_at: datetime | None


class SetAside(_row_of(etl_set_aside, "kind", "name", "status", "attempts", "cause", "decided_at")):  # type: ignore[misc]
    """A file, batch or archive that a job could not process."""


class Contents(BaseModel):
    """What a feed's table has."""

    name: str
    rows: int = Field(description="not counted beyond 10,001")


_NEXT = "give it as `after` to get the next page, of older ones; null: there is none"


class Cycles(BaseModel):
    """Cycles, the newest first."""

    cycles: list[Cycle]
    next: str | None = Field(description=_NEXT)


class Jobs(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobRow]
    next: int | None = Field(description=_NEXT)


class Incidents(BaseModel):
    """Incidents, the newest first."""

    incidents: list[Incident]
    next: int | None = Field(description=_NEXT)


class Explained(BaseModel):
    """What is recorded of a cycle, as `python -m etl explain` says it in words."""

    cycle_id: str
    feed: str
    jobs: list[JobRow]
    archives: list[Archive]
    landing_files: list[str]
    landing_moved_to: list[str] = Field(description="where `prune --to` has put them")
    rejected: dict[str, int] = Field(description="rejected rows by reason")
    causes: list[Cause] = Field(
        description="the contract's lines that rejected most rows; examples only with scope `raw`"
    )
    table: Contents | None = Field(description="what the feed's table has, where nothing was loaded")
    set_aside: list[SetAside]
    incidents: list[Incident] = Field(description="those that the cycle has opened or resolved")
    scores: list[float] = Field(description="quality of its loads, 0 to 100")
    anomalies: int
    before: JobRow | None = Field(description="the load before it")


class RejectedRows(BaseModel):
    """How many rows were rejected for a reason."""

    feed: str
    reason: str
    status: str = Field(description="QUARANTINED, REPLAYED, REPLACED or DISCARDED")
    rows: int


class RowProblem(BaseModel):
    """What is wrong with a row."""

    rule: str
    column: str | None = Field(description="null where the message as a whole is wrong")
    value: str | None = Field(description="only with scope `raw`")


_WITH_ROW_DATA = ("raw", "beside_message", "problems")
_OTHERS = [column.name for column in etl_rejected_row.columns if column.name not in _WITH_ROW_DATA]


class RejectedRow(_row_of(etl_rejected_row, *_OTHERS)):  # type: ignore[misc]
    """A rejected row. What the row itself says is null without the scope `raw`."""

    source_name: str = Field(description="topic or file name")
    cycle_id: str | None = Field(description="the cycle that rejected it")
    raw: str | None = Field(description="the message; only with scope `raw`")
    beside_message: dict[str, Any] | None = Field(description="values beside it; only with scope `raw`")
    problems: list[RowProblem]
