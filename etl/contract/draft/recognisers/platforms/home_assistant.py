"""Home Assistant: events of changed states, and the history as it is exported.

https://www.home-assistant.io/docs/configuration/events/#state_changed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, at, has, under

_STARTS: tuple[Path, ...] = ((), ("event",))


class HomeAssistantEvents(Recogniser):
    name: ClassVar[str] = "state_changed events of Home Assistant"

    def fits(self, record: Record) -> bool:
        return any(_is_event(at(record, *start)) for start in _STARTS)

    def shape(self, records: Sequence[Record]) -> Shape:
        start = max(_STARTS, key=lambda start: sum(_is_event(at(record, *start)) for record in records))
        state = (*start, "data", "new_state")
        return Shape(
            says="a row is the new state of an entity; a removed entity has none, and is rejected as no_reading",
            envelope=state,
            explode=(),
            keep=(
                *under(start, "data.entity_id", "time_fired"),
                *under(state, "state", "last_changed", "last_updated", "attributes.unit_of_measurement"),
                *under(state, "attributes.device_class", "attributes.friendly_name"),
            ),
            times=(*under(state, "last_updated"), *under(start, "time_fired"), *under(state, "last_changed")),
            sensors=(under(start, "data.entity_id"),),
        )


def _is_event(record: object) -> bool:
    return has(record, "event_type", "data") and has(at(record, "data"), "entity_id", "new_state")


class HomeAssistantHistory(Recogniser):
    name: ClassVar[str] = "history of Home Assistant"

    def fits(self, record: Record) -> bool:
        return has(record, "entity_id", "state") and ("last_changed" in record or "last_updated" in record)

    def shape(self, records: Sequence[Record]) -> Shape:
        return Shape(
            says="a row is a state of an entity",
            explode=(),
            leave_out=under((), "context"),
            times=under((), "last_updated", "last_changed"),
            sensors=(under((), "entity_id"),),
        )
