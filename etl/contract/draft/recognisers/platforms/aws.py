"""Device shadows of AWS IoT.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, has, under

_STARTS: tuple[Path, ...] = ((), ("current",))


class AwsShadow(Recogniser):
    name: ClassVar[str] = "device shadows of AWS IoT"

    def fits(self, record: Record) -> bool:
        has_state = any(has(at(record, *start, "state"), "reported") for start in _STARTS)
        return has_state and (has(record, "timestamp") or has(record, "metadata") or has(record, "version"))

    def shape(self, records: Sequence[Record]) -> Shape:
        start = max(_STARTS, key=lambda start: sum(has(at(record, *start, "state"), "reported") for record in records))
        reported = (*start, "state", "reported")
        return Shape(
            says="the reported state is the reading; desired state, metadata and the state before are left out",
            envelope=reported,
            explode=(),
            keep=(reported, *under((), "timestamp", "version", "clientToken", "thingName", "clientId", "topic")),
            own_times=(reported,),
            times=under((), "timestamp"),
            sensors=tuple((path,) for path in under((), "thingName", "clientId", "topic")),
        )
