"""CloudEvents in structured mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, first, has, under

_DEVICE = ("deviceId", "device_id", "deviceid", "device", "sensorId", "sensor_id", "sensor", "devEui", "stationId")


class CloudEvents(Recogniser):
    name: ClassVar[str] = "CloudEvents"

    def fits(self, record: Record) -> bool:
        return has(record, "specversion", "id", "source", "type")

    def shape(self, records: Sequence[Record]) -> Shape:
        is_named = first(records, "subject") is not None
        return Shape(
            says="id is unique only together with source; the device is the sensor, not the type"
            + ("" if first(records, "data") is not None else "; data is not JSON, so it has no measures"),
            leave_out=under((), "specversion", "datacontenttype", "dataschema", "traceparent", "tracestate"),
            own_times=under((), "data"),
            times=under((), "time"),
            sensors=(
                *((("data", name),) for name in _DEVICE),
                *([(("subject",),)] if is_named else []),
                (("source",),),
            ),
            keys=(under((), "source", "id"),),
        )
