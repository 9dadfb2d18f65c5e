"""Metrics of Telegraf's JSON serializer, one or a batch in a message.

https://docs.influxdata.com/telegraf/v1/data_formats/output/json/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from etl.contract.draft.recognisers.series.tags import identifying_tags
from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, has
from etl.contract.model import ITEMS


class Telegraf(Recogniser):
    name: ClassVar[str] = "metrics of Telegraf"

    def fits(self, record: Record) -> bool:
        return _is_metric(record) or _is_batch(record)

    def shape(self, records: Sequence[Record]) -> Shape:
        start: Path = ("metrics", ITEMS) if sum(map(_is_batch, records)) * 2 > len(records) else ()
        metrics = list(_metrics(records, start))
        tags = identifying_tags([metric.get("tags") for metric in metrics])
        is_one = len({str(metric.get("name")) for metric in metrics}) == 1
        sensor = (*((*start, "tags", tag) for tag in tags), *(() if is_one and tags else ((*start, "name"),)))
        return Shape(
            says="a row is a metric; its tags are the sensor, its fields the measures",
            explode=(("metrics",),) if start else (),
            times=((*start, "timestamp"),),
            sensors=(sensor,),
        )


def _metrics(records: Sequence[Record], start: Path) -> Iterator[Mapping[str, Any]]:
    for record in records:
        if not start:
            yield record
        elif _is_batch(record):
            yield from record["metrics"]


def _is_metric(record: object) -> bool:
    return has(record, "fields", "name", "tags", "timestamp")


def _is_batch(record: Record) -> bool:
    metrics = record.get("metrics")
    return isinstance(metrics, list) and bool(metrics) and all(map(_is_metric, metrics))
