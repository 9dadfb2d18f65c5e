"""Messages of Azure IoT Hub: routed to storage, captured by Event Hubs, sent by Event Grid, exported by IoT Central.

https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-d2c
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, first, has, under


class AzureIot(Recogniser):
    name: ClassVar[str] = "messages of Azure IoT Hub"

    def fits(self, record: Record) -> bool:
        return any(key in record and has(record, *shape) for key, (shape, _) in _KINDS.items())

    def shape(self, records: Sequence[Record]) -> Shape:
        counts = {key: sum(has(record, *required) for record in records) for key, (required, _) in _KINDS.items()}
        kind = max(counts, key=lambda key: counts[key])
        shape = _KINDS[kind][1]
        if kind == "SystemProperties" and not isinstance(first(records, "Body"), Mapping):
            return replace(shape, says="Body is not JSON but bytes: route with content type JSON for measures")
        return shape


_ROUTED = Shape(
    says="the device that the hub authenticated is the sensor; a row is a message",
    explode=(),
    keep=under(
        (),
        *("Body", "EnqueuedTimeUtc", "Properties", "SequenceNumber"),
        *("SystemProperties.connectionDeviceId", "SystemProperties.enqueuedTime"),
        *("SystemProperties.iothub-connection-device-id", "SystemProperties.iothub-enqueuedtime"),
    ),
    own_times=under((), "Body"),
    times=under((), "EnqueuedTimeUtc", "SystemProperties.enqueuedTime", "SystemProperties.iothub-enqueuedtime"),
    sensors=tuple(
        (path,)
        for path in under(
            (), "SystemProperties.connectionDeviceId", "SystemProperties.iothub-connection-device-id", "Body.deviceId"
        )
    ),
)
_GRID = Shape(
    says="the device that the hub authenticated is the sensor; a row is an event",
    explode=(),
    keep=under(
        (),
        *("id", "eventTime", "data.body", "data.properties", "data.systemProperties.iothub-connection-device-id"),
        "data.systemProperties.iothub-enqueuedtime",
    ),
    own_times=under((), "data.body"),
    times=under((), "data.systemProperties.iothub-enqueuedtime", "eventTime"),
    sensors=(under((), "data.systemProperties.iothub-connection-device-id"),),
    keys=(under((), "id"),),
)
_ANALYTICS = Shape(
    says="the device that the hub authenticated is the sensor",
    leave_out=under((), "EventProcessedUtcTime", "PartitionId", "IoTHub.MessageId", "IoTHub.CorrelationId"),
    own_times=((),),
    times=under((), "IoTHub.EnqueuedTime", "EventEnqueuedUtcTime"),
    sensors=(under((), "IoTHub.ConnectionDeviceId"),),
)
_CENTRAL = Shape(
    says="the device is the sensor, its telemetry the measures",
    explode=(),
    keep=under((), "deviceId", "enqueuedTime", "telemetry"),
    own_times=under((), "telemetry"),
    times=under((), "enqueuedTime"),
    sensors=(under((), "deviceId"),),
)
_KINDS: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "SystemProperties": (("SystemProperties", "Body"), _ROUTED),
    "eventType": (("eventType", "eventTime", "data", "topic"), _GRID),
    "IoTHub": (("IoTHub", "EventEnqueuedUtcTime"), _ANALYTICS),
    "telemetry": (("telemetry", "deviceId", "enqueuedTime"), _CENTRAL),
}
"""A key that only one kind of message has → the keys that it must have, and its shape."""
