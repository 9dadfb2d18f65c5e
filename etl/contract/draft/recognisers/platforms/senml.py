"""SenML packs (RFC 8428)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Path, Recogniser, Record, Shape, first
from etl.contract.model import ITEMS, ROOT

_VALUES = ("v", "vs", "vb", "vd", "s")
_FIELDS = {"n", "u", "t", "ut", *_VALUES, "bn", "bt", "bu", "bv", "bs", "bver"}
_ABSOLUTE = 2**28
"""Smaller times are relative to now (RFC 8428, 4.5.3)."""


class SenMl(Recogniser):
    name: ClassVar[str] = "packs of SenML (RFC 8428)"

    def fits(self, record: Record) -> bool:
        pack = record.get(ROOT, record.get("e", [record]))
        return isinstance(pack, list) and bool(pack) and all(map(_is_entry, pack))

    def shape(self, records: Sequence[Record]) -> Shape:
        array = next((key for key in (ROOT, "e") if first(records, key) is not None), "")
        start: Path = (array, ITEMS) if array else ()
        entries = [entry for record in records for entry in (record.get(array, []) if array else [record])]
        is_resolved = all(isinstance(at := entry.get("t"), int | float) and at >= _ABSOLUTE for entry in entries)
        return Shape(
            says="a row is an entry of a pack"
            + ("" if is_resolved else "; base name, time and unit stand only in a pack's first entry"),
            explode=((array,),) if array else (),
            times=((*start, "t"),) if is_resolved else (),
            sensors=(((*start, "n"),),),
            time_question=""
            if is_resolved
            else "the time of an entry is bt plus t, and bt stands in a pack's first entry"
            " only; resolve the packs (RFC 8428, 4.6) before they are sent",
        )


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and ("n" in entry or "bn" in entry)
        and any(key in entry for key in (*_VALUES, "bv"))
        and set(entry) <= _FIELDS
    )
