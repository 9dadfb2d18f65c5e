"""Which format answers a request, and the types of Parquet's columns."""

from __future__ import annotations

import pyarrow as pa
import pytest
from fastapi import Request
from sqlalchemy import select

from etl.api.formats import CSV, JSON, NDJSON, PARQUET, arrow_schema, preferred
from etl.api.problems import Problem
from etl.contract.model import Contract, EvolvedContract
from etl.database.schema.feed_table import feed_table
from etl.database.schema.silence import silence_view
from etl.database.schema.view_queries import readings_view


def request(*accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", each.encode("latin-1")) for each in accept]})


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("Text/CSV; charset=utf-8", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        ("application/x-ndjson", NDJSON),
        ("application/vnd.apache.parquet", PARQUET),
        ("text/csv;q=0.5, application/vnd.apache.parquet;q=0.8", PARQUET),
        ("application/json;q=0, */*", NDJSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/csv, */*;q=0.1", CSV),
        (",,text/csv,", CSV),
    ],
)
def test_the_preferred_format_answers(accept: str, media_type: str) -> None:
    assert preferred(request(accept)) == media_type


def test_a_request_without_preference_gets_json() -> None:
    assert preferred(request()) == JSON


def test_several_headers_are_one_list() -> None:
    assert preferred(request("text/html", "text/csv")) == CSV


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "text/csv;q=nan", "text/csv;q=-1", "é", "/", ";q=1,x"])
def test_a_format_that_there_is_not_is_refused(accept: str) -> None:
    with pytest.raises(Problem) as refused:
        preferred(request(accept))
    assert refused.value.status == 406
    assert CSV in refused.value.remedy


def test_columns_have_the_types_of_the_database(contract: Contract) -> None:
    rows = readings_view(feed_table(EvolvedContract.of(contract))).subquery("readings").c
    names = ("sensor_id", "temperature", "timestamp", "source_offset", "source_name", "loaded_at")
    schema = arrow_schema(select(*(rows[name] for name in names)))
    moment = pa.timestamp("us", tz="UTC")
    assert schema == pa.schema(
        list(zip(names, [pa.int32(), pa.float64(), moment, pa.int64(), pa.string(), moment], strict=True))
    )


def test_computed_columns_have_types_too(contract: Contract) -> None:
    silent = silence_view(EvolvedContract.of(contract)).subquery("silent").c
    schema = arrow_schema(select(silent.sensor, silent.last_event_time, silent.silent_seconds, silent.intervals))
    assert schema.types == [pa.string(), pa.timestamp("us", tz="UTC"), pa.float64(), pa.float64()]
