"""Units in plots: a title names the unit, and sensors that measure in different units get panels of their own.

The contract gives the unit of a column. In feeds of one measure, such as the states of Home Assistant's entities, a text column
beside it may give the unit of each reading instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from etl.contract.model import Column, Contract
from etl.jobs.load.sample import MOST_MEASURES
from etl.notebook.choice import Choice

_NAME = re.compile(r"(.*_)?(units?|uom|unit_of_measurement|unit_?code)", re.IGNORECASE)
_DESCRIPTION = re.compile(r"units? (of|in)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Panel:
    """A measure in one unit."""

    measure: str
    title: str
    """What is measured, with the unit."""
    rows: pd.DataFrame
    """The rows of the sensors with this unit."""


def titled(column: Column, unit: str) -> str:
    """A column's description, or its name, with a unit behind it unless it ends with the unit."""
    # A description may name the contract's unit.
    is_of_contract = unit == column.unit or not column.unit
    text = (column.description if is_of_contract else "") or column.name
    is_named = text.rstrip(".").endswith((f"in {unit}", f"({unit})", f"[{unit}]"))
    return text if not unit or is_named else f"{text} ({unit})"


def unit_columns(contract: Contract) -> dict[str, str]:
    """Measure → the text column with the unit of a reading's value, as its name or description says.

    A column named after a measure (`pressure_unit`) is that measure's; any other belongs to the only measure of a feed.
    """
    named = [
        column.name
        for column in contract.columns
        if column.type == "text"
        and column.name not in contract.identifying
        and (_NAME.fullmatch(column.name) or _DESCRIPTION.match(column.description))
    ]
    measures = contract.measures
    found = {}
    for measure in measures:
        own = [name for name in named if name.startswith(f"{measure}_")] or (named if len(measures) == 1 else [])
        if len(own) == 1:
            found[measure] = own[0]
    return found


def unit_name(measure: str) -> str:
    """The column of a data frame with the unit of a measure."""
    # A space, so that no column of a contract is called the same.
    return f"unit of {measure}"


def spellings(column: Column) -> list[str]:
    """Texts that mean the contract's unit: none at all, and C where it is °C."""
    return ["", column.unit, column.unit.removeprefix("°")]


def with_units(readings: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Readings with the unit of each sensor (`unit_name`), where a column gives units.

    A sensor that has changed its unit has both, so that it does not share a panel with those that have not.
    """
    sensor = [name for name in contract.sensor if name in readings] or [contract.message_key]
    for measure, column in unit_columns(contract).items():
        if column in readings:
            given = readings.dropna(subset=[column]).groupby(sensor)[column]
            units = given.agg(lambda texts: " / ".join(sorted(texts.unique()))).rename(unit_name(measure))
            of_rows = readings[sensor].join(units, on=sensor)[unit_name(measure)].astype(object).fillna("")
            of_contract = of_rows.isin(spellings(contract.column(measure)))
            readings = readings.assign(**{unit_name(measure): of_rows.mask(of_contract, contract.column(measure).unit)})
    return readings


def by_unit(contract: Contract, measure: str, rows: pd.DataFrame, unit: str) -> list[Panel]:
    """The panels of a measure, one per unit, that with the most values first; without values, an empty one.

    :param unit: the column of the rows with the unit; where there is none, or no unit in it, the contract's is meant.
    """
    column = contract.column(measure)
    if unit not in rows:
        return [Panel(measure, titled(column, column.unit), rows)]
    filled = rows[rows[measure].notna()] if measure in rows else rows
    numbers = filled[unit].value_counts().to_dict()
    names = sorted(numbers, key=lambda name: (-numbers[name], name)) or [""]
    return [Panel(measure, titled(column, name or column.unit), rows[rows[unit] == name]) for name in names]


def fitting(panels: list[Panel], measures: Choice) -> tuple[list[Panel], str]:
    """As many panels as a figure has room for, and what the figure says about what it does not show."""
    notes = [] if measures.is_all else [measures.in_words("measures")]
    if len(panels) > MOST_MEASURES:
        notes.append(f"{MOST_MEASURES} of {len(panels):,} panels, one per measure and unit")
    return panels[:MOST_MEASURES], "; ".join(notes)


def main_unit(windows: pd.DataFrame, measure: str) -> str:
    """The unit of most readings of a measure in windows, as `queries.explore` finds them; empty: the contract's."""
    readings = windows[windows["measure"] == measure].groupby("unit")["readings"].sum().astype(float)
    return "" if readings.empty else str(readings.idxmax())
