"""A limit of a database product that a table would break, and what to change in the contract."""

from __future__ import annotations

from dataclasses import dataclass

FEWER_COLUMNS = (
    "Leave columns out, or load a row per measure: `explode` makes them of an array whose elements have the measure's name and"
    " value; a CSV file has to be written so."
)
NARROWER_ROWS = f"{FEWER_COLUMNS} Whole numbers as i16 or i32 take 2 or 4 bytes, instead of 8."
SHORTER_KEYS = "Give the texts of keys a (smaller) maxLength, or use fewer columns in them."
SHORTER_NAMES = "Use shorter names."


@dataclass(frozen=True)
class BrokenLimit:
    """A limit that a table would break, as a sentence, and the remedy."""

    sentence: str
    remedy: str


def too_many_columns(columns: int, most: int) -> BrokenLimit:
    return BrokenLimit(f"{columns:,} columns; {most:,} are possible.", FEWER_COLUMNS)
