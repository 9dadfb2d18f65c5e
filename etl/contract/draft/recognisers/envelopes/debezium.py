"""Change events of Debezium, with or without the schema that Kafka Connect puts around them.

https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, has, under

_STARTS: tuple[Path, ...] = (("payload",), ())


class Debezium(Recogniser):
    name: ClassVar[str] = "change events of Debezium"

    def fits(self, record: Record) -> bool:
        return any(_is_change(at(record, *start)) for start in _STARTS)

    def shape(self, records: Sequence[Record]) -> Shape:
        start = max(_STARTS, key=lambda start: sum(_is_change(at(record, *start)) for record in records))
        after = (*start, "after")
        return Shape(
            says="a row is the record after a change; deletes (op d) have none, and are rejected as no_reading",
            envelope=after,
            explode=(),
            keep=(after, *under(start, "op", "ts_ms", "source.ts_ms")),
            own_times=(after,),
            times=under(start, "source.ts_ms", "ts_ms"),
            operation=(*start, "op"),
            inserts=("c", "r"),
        )


def _is_change(record: object) -> bool:
    return has(record, "after", "op") and has(record, "source")
