"""InfluxDB: points as JSON objects, and the tables of its annotated CSV.

https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.series.tags import identifying_tags, paths
from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, first, has, under

_OF_TABLES = {"", "result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"}


class InfluxPoints(Recogniser):
    name: ClassVar[str] = "points of InfluxDB as JSON"

    def fits(self, record: Record) -> bool:
        has_time = "time" in record or "timestamp" in record
        return has(record, "measurement", "fields") and isinstance(record["fields"], dict) and has_time

    def shape(self, records: Sequence[Record]) -> Shape:
        tags = identifying_tags([record.get("tags") for record in records])
        is_one = len({str(record.get("measurement")) for record in records}) == 1
        return Shape(
            says="a row is a point; its tags are the sensor, its fields the measures",
            times=under((), "time", "timestamp"),
            sensors=((*paths(("tags",), tags), *(() if is_one and tags else (("measurement",),))),),
        )


class InfluxTables(Recogniser):
    name: ClassVar[str] = "annotated CSV of InfluxDB"

    def fits(self, record: Record) -> bool:
        return has(record, "_time", "_value") or has(record, "_time", "_measurement")

    def shape(self, records: Sequence[Record]) -> Shape:
        tags = identifying_tags(
            [{key: value for key, value in record.items() if key not in _OF_TABLES} for record in records]
        )
        tags = tags if first(records, "_value") is not None else ()
        return Shape(
            says="a row is a point; tags and field are the sensor",
            leave_out=under((), "result", "table", "_start", "_stop"),
            times=(("_time",),),
            sensors=((("_measurement",), *paths((), tags), ("_field",)),),
        )
