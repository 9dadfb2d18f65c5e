"""Which columns of a sample identify a sensor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from etl.contract.draft.columns import DraftColumn, by_path
from etl.contract.draft.event_time import EventTimeGuess
from etl.contract.draft.identity.comparison import conflicts, named
from etl.contract.draft.identity.row_names import MANY, METRIC, ROW
from etl.contract.draft.recognisers.shape import Path, Shape
from etl.contract.model import ITEMS

_ID = r"(id|eui|uid|uuid|no|nr|num|number|key|serial|code|address|addr|sn|hash)$"
_THING = (
    r"(device|dev|sensor|station|meter|node|probe|thing|asset|machine|tag|unit|equipment|mote|inverter|turbine|vehicle|pump|well"
    r"|client|entity|site|location|room|plant|zone|area|building|logger|point|detector|monitor|channel|publisher|tank|tracker|beacon"
    r"|geraet|zaehler|zaehlpunkt|messstelle|behaelter|anlage|raum|fuehler|capteur|appareil|compteur|sonde|sensore|estacion)"
)
_BEST = re.compile(
    rf"(^|_){_THING}s?_?{_ID}|^dev_?eui$|^(imei|imsi|iccid|eui|vin|tid|usaf|wban|wmo|icao|stid|entity_id|serial(_?(no|nr|number))?)$"
    r"|^mac(_?addr(ess)?)?$|ieee_?addr(ess)?$"
)
_GOOD = re.compile(
    rf"^{_THING}s?(_?name)?$|^(name|friendly_name|host(name)?|topic|src|ip|sn|ort|messort|standort|tags|stations_id|group_address|destination)$"
)
_SOME = re.compile(rf"(^|_){_THING}(_|$)|sensor|device|station|meter")
_POOR = re.compile(
    r"gateway|(^|_)gw(_|$)|tenant|application|app_id|(^|_)(org|customer|user|account|subscription|manufacturer)"
)
_NONE = re.compile(
    r"(^|_)(type|model|version|status|state|class|firmware|fw|units?|count|value|battery|category|kind|manufacturer|vendor|time"
    r"|timestamp|date|mode|level|temp(erature)?|humidity|power|voltage|lat|lon|latitude|longitude|profile.*|meters|result|error)$"
)
_VALUE = re.compile(r"^(v|val|value|_value|reading|result|state|measurement|messwert|wert)$")
_SHARE = 0.95
_SURE = 4
"""Rank of a name that only a sensor has, such as `device_id`."""


@dataclass(frozen=True)
class SensorGuess:
    """The columns that identify a sensor."""

    columns: tuple[str, ...] = ()
    """Empty: a person must decide."""
    why: str = ""
    question: str = ""
    candidates: tuple[str, ...] = ()
    """Columns that a person may choose."""
    is_one: bool = False
    """Whether no time has two different readings, as where all are of one sensor."""


def choose_sensor(
    columns: Sequence[DraftColumn], shape: Shape, time: EventTimeGuess, explode: Sequence[Path] = ()
) -> SensorGuess:
    """The sensor: what the platform says; else the best name, with values that repeat; else what tells equal times apart."""
    for paths in shape.sensors:
        known = [column for column in by_path(columns, paths) if _is_usable(column)]
        if known:
            return _guess(known)
    combined = {name for column in columns for name in column.combine}
    usable = [c for c in columns if c.name != time.column and c.name not in combined and _is_usable(c)]
    likely = _named_sensor(columns, usable, time, len(explode))
    if likely and (metric := _metric_of(columns, usable, likely, time)):
        return _guess([*likely, metric])
    if likely and not (len(likely) == 1 and _is_constant(likely[0]) and _rank(likely[0]) < _SURE):
        return _guess(likely)
    times = named(columns, (time.column,))
    is_one = bool(times) and not conflicts(columns, times)
    telling = [] if is_one or not times else [c for c in usable if _repeats(c) and not conflicts(columns, [c, *times])]
    if len(telling) == 1:
        return _guess(telling, "; it tells readings of one time apart")
    repeated = [column for column in usable if _repeats(column)]
    if likely and len(repeated) == 1:
        return _guess(repeated, f"; {likely[0].name} is always the same")
    return _guess(likely) if likely else replace(_open(usable), is_one=is_one and columns[0].seen.rows > 1)


def _guess(columns: Sequence[DraftColumn], more: str = "") -> SensorGuess:
    return SensorGuess(tuple(column.name for column in columns), "; ".join(map(_evidence, columns)) + more)


def _named_sensor(
    columns: Sequence[DraftColumn], usable: Sequence[DraftColumn], time: EventTimeGuess, depth: int
) -> list[DraftColumn]:
    """The column with the best name; where messages hold several readings, one inside of their array, with the one around it
    where the inner one is not unique.
    """
    ranked = sorted((column for column in usable if _rank(column) > 0), key=lambda column: -_rank(column))
    inner = next((column for column in ranked if column.path.count(ITEMS) == depth), None)
    outer = next((column for column in ranked if column.path.count(ITEMS) < depth), None)
    if inner is None or outer is None:
        return [column for column in (inner, outer) if column]
    times = named(columns, (time.column,))
    is_ambiguous = conflicts(columns, [inner, *times]) > 0 and not conflicts(columns, [outer, inner, *times])
    is_part = _rank(outer) >= _SURE > _rank(inner)
    return [outer, inner] if is_part or is_ambiguous else [inner]


def _is_usable(column: DraftColumn) -> bool:
    """Whether nearly every reading has a value, and all of them are texts or whole numbers."""
    if column.seen.given < _SHARE * column.seen.rows or column.combine or column.seen.booleans:
        return False
    is_whole = all(re.fullmatch("-?[0-9]{1,18}", text) for text in column.seen.texts)
    return column.guess.type in ("string", "integer") or (column.guess.type == "number" and is_whole)


def _rank(column: DraftColumn) -> float:
    name, distinct, rows = column.seen.name, len(column.seen.texts), column.seen.rows
    if _NONE.search(name) or _is_small_constant(column):
        return 0
    is_all_different = distinct == rows and rows >= MANY
    if name in ("id", "_id"):
        # The number of a row or of a sensor: values that repeat are those of a sensor.
        return 0 if is_all_different else 2.5
    if name == "key" and _repeats(column):
        return 2
    if ROW.search(name):
        return 0
    rank: float = 4 if _BEST.search(name) else 3 if _GOOD.search(name) else 2 if _SOME.search(name) else 0
    if rank < 3 and column.guess.type == "number":
        return 0
    if not rank and name.endswith("_id") and _repeats(column):
        return 1
    if _POOR.search(name):
        rank = min(rank, 1)
    return 0 if is_all_different and rank < _SURE else rank - 0.1 * (column.guess.type == "number")


def _is_small_constant(column: DraftColumn) -> bool:
    """Whether all values are one small number, as that of a switch in a device."""
    return (
        column.seen.rows > 1
        and len(column.seen.texts) == 1
        and bool(re.fullmatch("[0-9]", next(iter(column.seen.texts))))
    )


def _is_constant(column: DraftColumn) -> bool:
    return column.seen.rows >= MANY and len(column.seen.texts) == 1


def _repeats(column: DraftColumn) -> bool:
    """Whether a text, or a number as long as that of a meter, has several values, each of them several times on average."""
    distinct, rows, name = len(column.seen.texts), column.seen.rows, column.seen.name
    is_id = column.guess.type == "string" or (
        column.guess.type == "integer" and len(min(column.seen.texts, key=len)) >= 8
    )
    return is_id and 1 < distinct <= rows // 2 and not _NONE.search(name) and not ROW.search(name)


def _evidence(column: DraftColumn) -> str:
    distinct = len(column.seen.texts)
    return f"{distinct:,} different {column.name} in {column.seen.given:,} readings"


def _metric_of(
    columns: Sequence[DraftColumn], usable: Sequence[DraftColumn], sensor: Sequence[DraftColumn], time: EventTimeGuess
) -> DraftColumn | None:
    """The column that says what a reading measures, where there is one column of values for all measures."""
    if not any(_VALUE.search(column.seen.name) for column in columns):
        return None
    times = named(columns, (time.column,))
    if not conflicts(columns, [*sensor, *times]):
        return None
    texts = [c for c in usable if c not in sensor and c.guess.type == "string"]
    texts = [c for c in texts if 1 < len(c.seen.texts) <= max(1, c.seen.rows // 2) and not ROW.search(c.seen.name)]
    telling = [column for column in texts if not conflicts(columns, [*sensor, column, *times])]
    likely = [column for column in telling if METRIC.search(column.seen.name)]
    return likely[0] if likely else telling[0] if len(telling) == 1 else None


def _open(usable: Sequence[DraftColumn]) -> SensorGuess:
    likely = [column for column in usable if column.guess.type == "string" and not _is_constant(column)]
    texts = [c for c in likely if not _NONE.search(c.seen.name) and not ROW.search(c.seen.name)][:5]
    if not texts:
        return SensorGuess(question="which sensor is it? No column says so")
    shown = [f"{column.name} ({len(column.seen.texts):,} different)" for column in texts]
    return SensorGuess((), "", f"which column is it? {', '.join(shown)}", tuple(column.name for column in texts))
