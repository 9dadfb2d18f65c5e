"""Actility ThingPark's uplink documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, at, first, has, under

_START = ("DevEUI_uplink",)


class ThingPark(Recogniser):
    name: ClassVar[str] = "uplinks of Actility ThingPark"

    def fits(self, record: Record) -> bool:
        return has(at(record, *_START), "DevEUI", "Time")

    def shape(self, records: Sequence[Record]) -> Shape:
        is_decoded = isinstance(first(records, *_START, "payload"), dict)
        return Shape(
            says="a row is an uplink; the gateways that received it are no readings"
            + ("" if is_decoded else "; payload_hex is not decoded: choose a driver to get measures"),
            envelope=_START,
            explode=(),
            keep=under(
                _START,
                *("Time", "DevEUI", "FPort", "FCntUp", "LrrRSSI", "LrrSNR", "payload"),
                *(() if is_decoded else ("payload_hex",)),
            ),
            times=under(_START, "Time"),
            sensors=(under(_START, "DevEUI"),),
        )
