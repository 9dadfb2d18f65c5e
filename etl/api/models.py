"""What the answers look like, for the OpenAPI document: the rows of a feed as its contract has them, and what is around them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from etl.contract.model import Column, Contract

Rows = TypeVar("Rows", bound=BaseModel)


class Reading(BaseModel):
    """A reading: the columns of the feed's contract, those that the feed's table has gained, or those that were asked for."""

    model_config = ConfigDict(extra="allow")


class Page(BaseModel, Generic[Rows]):
    """Some rows of a feed."""

    feed: str
    rows: list[Rows]
    next: str | None = Field(description="give it as `after` for the rows that follow; null: there are none")


class FeedState(BaseModel):
    """A feed, and how fresh it is."""

    feed: str
    description: str
    version: str = Field(description="of the contract")
    source: str = Field(description="where its readings come from")
    table: str
    latency_seconds: float | None = Field(description="how old the newest reading may be; null: nothing is promised")
    last_event_time: datetime | None = Field(description="of the newest reading")
    age_seconds: float | None = Field(description="how old the newest reading is")
    freshness: str = Field(description="FRESH, STALE, NO SLA or NO READINGS")
    sensors_expected: int | None
    sensors_seen: int | None = Field(description="in the last load")


class FeedContract(FeedState):
    """A feed, and what its contract says."""

    sensor: list[str] = Field(description="the columns that identify a sensor")
    event_time: str = Field(description="the column with the time of a reading")
    primary_key: list[str]
    window_sizes: list[str]
    window_key: list[str] = Field(description="the columns by which windows are computed")
    measures: list[str] = Field(description="the columns that have windows")
    anomaly_threshold: float | None = Field(description="a robust z-score above it is an outlier")
    interval_seconds: float | None = Field(description="how often each sensor ought to report")
    columns: dict[str, Any] = Field(
        description="JSON Schema of a reading: its columns with type, unit, meaning and limits"
    )


class Source(BaseModel):
    """Where a reading came from."""

    name: str | None = Field(description="topic or file")
    partition: int
    offset: int = Field(description="of the message, or number of the line")
    item: int = Field(description="of the reading in its message")


class LatestReading(BaseModel):
    """The latest reading of a sensor."""

    sensor: str
    event_time: datetime
    age_seconds: float
    is_stale: bool | None = Field(description="older than the contract's latency; null: nothing is promised")
    values: Reading
    source: Source
    cycle_id: str | None = Field(description="of the cycle that loaded it")


class Latest(BaseModel):
    """The latest readings of some sensors."""

    feed: str
    latency_seconds: float | None = Field(description="how old the newest reading may be; null: nothing is promised")
    units: dict[str, str] = Field(description="unit of each column that has one")
    rows: list[LatestReading]
    next: str | None = Field(description="give it as `after` for the sensors that follow; null: there are none")


class Statistic(BaseModel):
    """Figures of one measure of a sensor over all time; also has the columns that identify the sensor."""

    model_config = ConfigDict(extra="allow")

    measure: str
    count: int
    min: float
    max: float
    avg: float
    stddev: float | None = Field(description="of the sample; null for a single value")


class Window(Statistic):
    """Figures of one measure of a sensor in a window of time."""

    window_start: datetime


class Anomaly(BaseModel):
    """A reading that does not fit what its sensor sent before."""

    anomaly_id: int
    sensor: str
    measure: str
    event_time: datetime
    kind: str = Field(description="outlier, stuck or gap")
    value: float | None
    expected_low: float | None
    expected_high: float | None
    score: float
    cycle_id: str | None = Field(description="of the cycle that loaded it")


class SilentSensor(BaseModel):
    """A sensor that has stopped to report."""

    sensor: str
    last_event_time: datetime
    measure: str
    value: float | None = Field(description="the last one of this measure")
    interval_seconds: float = Field(description="how often it usually reports")
    silent_seconds: float
    intervals: float = Field(description="for how many of its intervals it has been silent")


_TYPES: dict[str, type] = {"text": str, "integer": int, "double": float, "boolean": bool, "timestamp": datetime}
_BESIDE: dict[str, tuple[Any, str]] = {
    "source_id": (int, "number of the source"),
    "source_name": (str, "topic or file that the reading came from"),
    "source_partition": (int, "partition of the topic; 0 for files"),
    "source_offset": (int, "of the message, or number of the line"),
    "source_item": (int, "of the reading in its message"),
    "log_id": (int, "number of the load in etl_log"),
    "lateness_seconds": (float | None, "by how much it came late; null: in time"),
    "cycle_id": (str | None, "cycle that loaded it"),
    "loaded_at": (datetime | None, "when that load ended"),
}
"""The columns that can be asked for beside those of the contract: `TABLE_COLUMNS` and `VIEW_COLUMNS`."""


def reading_model(contract: Contract) -> type[BaseModel]:
    """A reading of a feed. Values outside the contract's limits are no error: they were valid when they were loaded."""
    columns: dict[str, Any] = {
        # Not by its name, because models have methods of their own, such as `copy` and `json`.
        f"column_{number}": (_type(column), Field(alias=column.name, **_said(column)))
        for number, column in enumerate(contract.columns)
    }
    beside: dict[str, Any] = {name: (kind, Field(description=meaning)) for name, (kind, meaning) in _BESIDE.items()}
    return create_model(
        f"{contract.feed}_reading",
        __config__=ConfigDict(extra="allow", json_schema_extra=_none_is_required),
        __doc__=f"A reading of {contract.feed}, or the columns of it that were asked for. {contract.description}".strip(),
        **columns,
        **beside,
    )


def describe_readings(document: dict[str, Any], contracts: Iterable[Contract]) -> None:
    """Name the columns of every feed in an OpenAPI document: a `Reading` is that of one of the feeds."""
    schemas = document["components"]["schemas"]
    models = {contract.feed: reading_model(contract) for contract in contracts}
    if models:
        schemas |= {model.__name__: model.model_json_schema() for model in models.values()}
        references = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models.values()]
        schemas["Reading"] = {"title": "Reading", "description": Reading.__doc__, "anyOf": references}


def _type(column: Column) -> Any:
    kind = _TYPES[column.type]
    return kind if column.required else kind | None


def _said(column: Column) -> dict[str, Any]:
    """What a contract says about a column, in the words of JSON Schema; `unit` is ours."""
    limits = {
        "unit": column.unit or None,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "minLength": column.min_length,
        "maxLength": column.max_length,
        "pattern": f"^(?:{column.pattern})$" if column.pattern else None,
    }
    extra: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    return {"description": column.description or None, "json_schema_extra": extra}


def _none_is_required(schema: dict[str, Any]) -> None:
    """A request may ask for some columns only."""
    schema.pop("required", None)
