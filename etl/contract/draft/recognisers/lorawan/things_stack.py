"""The Things Stack, version 3, and its predecessor.

https://www.thethingsindustries.com/docs/integrations/data-formats/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, first, has, under

_WRAPPERS: tuple[Path, ...] = ((), ("result",), ("data",))
"""The storage integration puts an uplink into `result`, an event into `data`."""


class ThingsStack(Recogniser):
    name: ClassVar[str] = "uplinks of The Things Stack"

    def fits(self, record: Record) -> bool:
        return _is_second_version(record) or any(_is_uplink(at(record, *wrapper)) for wrapper in _WRAPPERS)

    def shape(self, records: Sequence[Record]) -> Shape:
        if sum(map(_is_second_version, records)) * 2 > len(records):
            return _SECOND_VERSION
        start = max(_WRAPPERS, key=lambda wrapper: sum(_is_uplink(at(record, *wrapper)) for record in records))
        is_decoded = first(records, *start, "uplink_message", "decoded_payload") is not None
        payload = "uplink_message.decoded_payload" if is_decoded else "uplink_message.frm_payload"
        return Shape(
            says="a row is an uplink; the gateways that received it are no readings"
            + ("" if is_decoded else "; frm_payload is not decoded: add a payload formatter to get measures"),
            envelope=start,
            explode=(),
            keep=under(
                start,
                *("end_device_ids.device_id", "end_device_ids.dev_eui", "received_at"),
                *("uplink_message.f_port", "uplink_message.f_cnt", payload),
            ),
            times=under(start, "received_at", "uplink_message.received_at"),
            sensors=tuple((path,) for path in under(start, "end_device_ids.dev_eui", "end_device_ids.device_id")),
        )


def _is_uplink(record: object) -> bool:
    return has(record, "end_device_ids", "uplink_message")


def _is_second_version(record: Record) -> bool:
    return has(record, "dev_id", "hardware_serial", "metadata") and has(record["metadata"], "time")


_SECOND_VERSION = Shape(
    says="a row is an uplink; the gateways that received it are no readings",
    explode=(),
    keep=under((), "dev_id", "hardware_serial", "port", "counter", "payload_fields", "payload_raw", "metadata.time"),
    times=under((), "metadata.time"),
    sensors=tuple((path,) for path in under((), "hardware_serial", "dev_id")),
)
