"""Payloads of Sparkplug B that a bridge has written as JSON.

https://sparkplug.eclipse.org/specification/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, has, under
from etl.contract.model import ITEMS

_STARTS: tuple[Path, ...] = ((), ("payload",))
_IDENTITY = ("deviceId", "device_id", "device", "edgeNodeId", "edge_node_id", "edgeNode", "node", "nodeId")


class Sparkplug(Recogniser):
    name: ClassVar[str] = "metrics of Sparkplug B as JSON"

    def fits(self, record: Record) -> bool:
        return any(_is_payload(at(record, *start)) for start in _STARTS)

    def shape(self, records: Sequence[Record]) -> Shape:
        start = max(_STARTS, key=lambda start: sum(_is_payload(at(record, *start)) for record in records))
        metric = (*start, "metrics", ITEMS)
        around = [(*place, name) for place in ((), ("topic",), start) for name in _IDENTITY]
        is_named = any(at(record, *path) is not None for record in records for path in around)
        return Shape(
            says="a row is a metric; the device and the metric's name are the sensor",
            lacks_device=not is_named,
            explode=((*start, "metrics"),),
            leave_out=((*metric, "properties"), (*metric, "alias"), *under(metric, "isHistorical", "isTransient")),
            times=((*metric, "timestamp"), (*start, "timestamp")),
            sensors=(*((path, (*metric, "name")) for path in around), ((*metric, "name"),)),
        )


def _is_payload(record: object) -> bool:
    metrics = at(record, "metrics")
    is_list = isinstance(metrics, list) and bool(metrics)
    return is_list and has(record, "timestamp") and all(has(m, "name") and not has(m, "fields") for m in metrics)
