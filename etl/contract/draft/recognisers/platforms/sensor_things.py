"""Observations of the OGC SensorThings API.

https://docs.ogc.org/is/18-088/18-088.html#observation
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, has
from etl.contract.model import ITEMS


class SensorThings(Recogniser):
    name: ClassVar[str] = "observations of the OGC SensorThings API"

    def fits(self, record: Record) -> bool:
        return _is_observation(record) or _is_page(record)

    def shape(self, records: Sequence[Record]) -> Shape:
        start: Path = ("value", ITEMS) if sum(map(_is_page, records)) * 2 > len(records) else ()
        return Shape(
            says="the result is the measure, the data stream the sensor",
            explode=(("value",),) if start else (),
            leave_out=(
                *(
                    (*start, key)
                    for key in ("@iot.selfLink", "FeatureOfInterest", "FeatureOfInterest@iot.navigationLink")
                ),
                *(("@iot.nextLink",), ("@iot.count",)),
            ),
            times=((*start, "phenomenonTime"), (*start, "resultTime")),
            sensors=(
                ((*start, "Datastream", "@iot.id"),),
                ((*start, "Datastream@iot.navigationLink"),),
                ((*start, "Datastream", "name"),),
            ),
            keys=(((*start, "@iot.id"),),),
        )


def _is_observation(record: object) -> bool:
    return has(record, "phenomenonTime", "result")


def _is_page(record: Record) -> bool:
    value = record.get("value")
    return isinstance(value, list) and bool(value) and all(map(_is_observation, value))
