"""Why rows are rejected: a closed, ordered set."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A row with several problems is filed under the first, in this order."""

    TOMBSTONE = "tombstone"
    """The message has no value."""
    NOT_UTF8 = "not_utf8"
    """Its bytes are not UTF-8, or not in the encoding of the contract."""
    EMPTY = "empty"
    NOT_JSON = "not_json"
    """Broken or truncated JSON, or something after the object."""
    NOT_OBJECT = "not_object"
    NO_ITEMS = "no_items"
    """The array that holds the readings is missing or empty, or not an array."""
    NO_READING = "no_reading"
    """The object around the reading (`envelope`) is missing or null, as in a message that says that a row was deleted."""
    NOT_CSV = "not_csv"
    """A line with unbalanced quotes, or with more or fewer fields than the header."""
    NOT_AVRO = "not_avro"
    """Its bytes are no Avro record of a schema that the registry knows."""
    DUPLICATE_KEY = "duplicate_key"
    INVALID_TEXT = "invalid_text"
    """NUL or half of a surrogate pair: no database can store it."""
    UNKNOWN_KEY = "unknown_key"
    """A key that the contract does not name, where `unknownKeys` is `discard`."""
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    """NaN, an infinity, or a number too large for a double."""
    OUT_OF_RANGE = "out_of_range"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    PATTERN = "pattern"
    TRAILING_BLANK = "trailing_blank"
    """A text that identifies rows or sensors ends in a blank: SQL Server ignores the blank in comparisons, others do not."""
    BAD_TIME = "bad_time"
    """Not in a format of the contract, no such day, or a local time that the clocks skipped."""
    TIME_OUT_OF_RANGE = "time_out_of_range"
    """Before the contract's earliest time, or further ahead of the clock than it allows."""
    CONFLICTING = "conflicting"
    """An earlier row has the same key and other values."""
    DATABASE_REFUSED = "database_refused"
    """A constraint of the database refuses the row; the SQLSTATE is kept."""


ORDER = {reason: place for place, reason in enumerate(Reason)}
