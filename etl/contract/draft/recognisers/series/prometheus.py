"""Samples of Prometheus as its adapters write them to a topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.series.tags import identifying_tags, paths
from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, first, has, under


class PrometheusSamples(Recogniser):
    name: ClassVar[str] = "samples of Prometheus"

    def fits(self, record: Record) -> bool:
        labels = record.get("labels", record.get("metric"))
        is_labelled = has(labels, "__name__") or (has(record, "name") and has(record, "labels"))
        return is_labelled and has(record, "value") and not isinstance(record["value"], list)

    def shape(self, records: Sequence[Record]) -> Shape:
        place = "labels" if first(records, "labels") is not None else "metric"
        labels = [record.get(place) for record in records]
        tags = identifying_tags(labels)
        has_name = first(records, "name") is not None
        return Shape(
            says="a row is a sample; its labels are the sensor",
            leave_out=under((), f"{place}.__name__") if has_name else (),
            times=under((), "timestamp", "time"),
            sensors=(
                (
                    *under((), *(["name"] if has_name else [])),
                    *paths((place,), [tag for tag in tags if not (has_name and tag == "__name__")]),
                ),
            ),
        )


class PrometheusAnswers(Recogniser):
    """Answers of the query API: https://prometheus.io/docs/prometheus/latest/querying/api/"""

    name: ClassVar[str] = "answers of Prometheus' query API"

    def fits(self, record: Record) -> bool:
        return has(record, "status", "data") and has(record["data"], "resultType", "result")

    def shape(self, records: Sequence[Record]) -> Shape:
        return Shape(
            says="a row is a series; times and values stand in arrays, which no path can name",
            explode=(("data", "result"),),
            leave_out=under((), "status"),
            time_question="times stand in arrays ([time, value]); convert the answers to objects with a time and a value",
        )
