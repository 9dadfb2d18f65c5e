"""Entities of NGSI-LD and NGSIv2, and notifications about them.

https://www.etsi.org/deliver/etsi_gs/CIM/001_099/009/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, has, under
from etl.contract.model import ITEMS

_OF_ATTRIBUTES = ("type", "metadata", "object", "unitCode", "datasetId")


class NgsiEntities(Recogniser):
    name: ClassVar[str] = "entities of NGSI"

    def fits(self, record: Record) -> bool:
        return any(True for _ in _entities(record))

    def shape(self, records: Sequence[Record]) -> Shape:
        start: Path = ("data", ITEMS) if sum(map(_is_notification, records)) * 2 > len(records) else ()
        names, observed = Counter[str](), Counter[str]()
        for record in records:
            for entity in _entities(record):
                names.update(key for key, value in entity.items() if isinstance(value, Mapping))
                observed.update(key for key, value in entity.items() if has(value, "observedAt"))
        times = [
            *((*start, name, "observedAt") for name, _ in observed.most_common(1)),
            *under(start, "dateObserved.value", "TimeInstant.value", "dateModified.value", "timestamp.value"),
            ("notifiedAt",),
        ]
        left_out = [(*start, name, key) for name in names for key in _OF_ATTRIBUTES]
        left_out += [(*start, name, "observedAt") for name in names if (*start, name, "observedAt") != times[0]]
        return Shape(
            says="an attribute's value is the measure",
            explode=(("data",),) if start else (),
            leave_out=(*left_out, *under((), "subscriptionId"), *((("id",), ("type",)) if start else ())),
            times=tuple(times),
            sensors=(under(start, "id"),),
        )


def _is_notification(record: Record) -> bool:
    return has(record, "subscriptionId", "data") and isinstance(record["data"], list)


def _entities(record: Record) -> Iterator[Mapping[str, Any]]:
    for entity in record["data"] if _is_notification(record) else [record]:
        if has(entity, "id", "type") and any(_is_attribute(value) for value in entity.values()):
            yield entity


def _is_attribute(value: object) -> bool:
    return has(value, "type", "value") and isinstance(at(value, "type"), str)
