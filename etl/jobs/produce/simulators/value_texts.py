"""Simulated values as a feed's programs write them: times and numbers in the forms that its contract names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from etl.contract.model import BROKER_TIME, EPOCH_UNITS, ISO8601, Column, Contract, NumberFormat
from etl.errors import ConfigurationError

Value = str | int | float | bool


def first_format(column: Column, contract: Contract) -> str:
    """The format in which a timestamp is written."""
    return (column.formats or contract.event_time.formats)[0]


def time_value(time: str, column: Column, contract: Contract) -> Value:
    """A time, which is given in ISO 8601 and UTC, in the first of its column's formats."""
    form, moment = first_format(column, contract), datetime.fromisoformat(time).replace(tzinfo=UTC)
    if form == ISO8601:
        # The columns of a combined time are separated by blanks.
        return f"{time.replace('T', ' ') if column.combine else time}Z"
    if form == "epoch_nanoseconds":
        return epoch_microseconds(moment) * 1_000
    if form in EPOCH_UNITS:
        return round(moment.timestamp() / EPOCH_UNITS[form], 6 if form == "epoch_seconds" else None)
    return moment.astimezone(ZoneInfo(column.timezone or contract.event_time.timezone)).strftime(form)


def epoch_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def milliseconds(time: Value) -> int | None:
    """A time in ISO 8601 as Kafka has it; None where the value is something else."""
    try:
        return epoch_microseconds(datetime.fromisoformat(str(time))) // 1_000
    except ValueError:
        return None


def parts_of(time: Value, column: Column) -> dict[str, Value]:
    """The columns that are combined to a time, with their texts.

    :raises ConfigurationError: its format has too few blanks for its number of columns.
    """
    pieces = str(time).split(" ", len(column.combine) - 1)
    if len(pieces) < len(column.combine):
        raise ConfigurationError(
            f"Column {column.name!r}: a time such as {time!r} cannot be divided among {', '.join(column.combine)}.",
            remedy="Send your own readings, or a file with source_file of 1_produce.",
        )
    return dict(zip(column.combine, pieces, strict=True))


def number_value(value: float, form: NumberFormat | None) -> Value:
    """A number as its column has it: a text where it is not written as in JSON."""
    if form is None:
        return value
    whole, point, fraction = f"{value:,}".partition(".")
    decimals = f"{form.decimal}{fraction}" if point else ""
    unit = f" {form.suffix}" if form.suffix else ""
    return f"{whole.replace(',', form.thousands)}{decimals}{unit}"


def resolution(contract: Contract) -> float:
    """Smallest difference of two event times, in seconds, that their format shows; 0 for fractions of a second."""
    column = contract.column(contract.event_time.column)
    form = first_format(column, contract)
    if column.origin == BROKER_TIME:
        return 0.001
    if form == ISO8601 or form in EPOCH_UNITS or "%f" in form:
        return 0.0
    if re.search(r"%[ScTX]", form):
        return 1.0
    return 60.0 if re.search(r"%[MR]", form) else 3600.0 if re.search("%[HI]", form) else 86_400.0
