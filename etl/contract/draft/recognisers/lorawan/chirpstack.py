"""ChirpStack, versions 3 and 4.

https://www.chirpstack.io/docs/chirpstack/integrations/events.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, at, first, has, under


class ChirpStack(Recogniser):
    name: ClassVar[str] = "uplinks of ChirpStack"

    def fits(self, record: Record) -> bool:
        return _is_fourth_version(record) or _is_third_version(record)

    def shape(self, records: Sequence[Record]) -> Shape:
        is_fourth = sum(map(_is_fourth_version, records)) * 2 > len(records)
        is_decoded = bool(first(records, "object") or first(records, "objectJSON"))
        device = ("deviceInfo.devEui", "deviceInfo.deviceName") if is_fourth else ("devEUI", "devEui", "deviceName")
        return Shape(
            says="a row is an uplink; the gateways that received it are no readings"
            + ("" if is_decoded else "; data is not decoded: add a codec to get measures"),
            explode=(),
            keep=under(
                (),
                *("deduplicationId", "time", "publishedAt", "fCnt", "fPort", "object", "objectJSON", *device),
                *(() if is_decoded else ("data",)),
            ),
            times=under((), "time", "publishedAt"),
            sensors=tuple((path,) for path in under((), *device)),
            keys=(under((), "deduplicationId"),),
        )


def _is_fourth_version(record: Record) -> bool:
    return has(at(record, "deviceInfo"), "devEui") and has(record, "fPort")


def _is_third_version(record: Record) -> bool:
    return has(record, "applicationID", "fPort") and ("devEUI" in record or "devEui" in record)
