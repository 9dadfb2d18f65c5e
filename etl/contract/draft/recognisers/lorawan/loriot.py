"""LORIOT's application output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, first, has, under


class Loriot(Recogniser):
    name: ClassVar[str] = "uplinks of LORIOT"

    def fits(self, record: Record) -> bool:
        return has(record, "cmd", "EUI", "ts", "fcnt")

    def shape(self, records: Sequence[Record]) -> Shape:
        is_decoded = first(records, "decoded") is not None
        return Shape(
            says="a row is an uplink; the gateways that received it are no readings"
            + ("" if is_decoded else "; data is not decoded"),
            explode=(),
            keep=under(
                (),
                "cmd",
                "EUI",
                "ts",
                "fcnt",
                "port",
                "rssi",
                "snr",
                "bat",
                "decoded",
                *(() if is_decoded else ("data",)),
            ),
            times=under((), "ts"),
            sensors=(under((), "EUI"),),
        )
