"""How often each quality rule was checked while an archive was loaded, and how often it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.contract.model import Column, EvolvedContract
from etl.validation.reasons import Reason

if TYPE_CHECKING:
    from etl.validation.validate import Validated

_RULES: dict[str, tuple[str, set[Reason]]] = {
    "required": ("completeness", {Reason.MISSING}),
    "type": ("validity", {Reason.WRONG_TYPE, Reason.NOT_FINITE, Reason.INVALID_TEXT, Reason.BAD_TIME}),
    "range": ("validity", {Reason.OUT_OF_RANGE, Reason.TIME_OUT_OF_RANGE}),
    "length": ("validity", {Reason.TOO_SHORT, Reason.TOO_LONG}),
    "pattern": ("validity", {Reason.PATTERN}),
}
READABLE, VALID, UNIQUE, ON_TIME = "message.readable", "row.valid", "key.unique", "time.on_time"
_WHOLE = {READABLE: "validity", VALID: "validity", UNIQUE: "uniqueness", ON_TIME: "timeliness"}


@dataclass
class Tally:
    """Checked and failed values by rule, summed over the chunks of an archive."""

    checked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def count(self, contract: EvolvedContract, chunk: Validated) -> None:
        """Add a chunk that was validated."""
        rows = chunk.accepted.num_rows + chunk.rejected.num_rows
        unreadable = sum(number for (column, _), number in chunk.failures.items() if column is None)
        missing = chunk.rejected["reason"].to_pylist().count(Reason.MISSING.value)
        self.add(READABLE, rows, unreadable)
        self.add(VALID, rows, chunk.rejected.num_rows - missing)
        for column in contract.columns:
            for rule in _rules(column, contract):
                checked = rows - unreadable if rule == "required" else chunk.present.get(column.name, 0)
                failed = sum(chunk.failures[column.name, reason] for reason in _RULES[rule][1])
                self.add(f"{column.name}.{rule}", checked, failed)

    def count_late(self, late: int) -> None:
        """Add how many of the rows with a new key are late; call it once, after all rows are inserted."""
        self.add(ON_TIME, self.checked[UNIQUE] - self.failed[UNIQUE], late)

    def add(self, rule: str, checked: int, failed: int) -> None:
        self.checked[rule] += checked
        self.failed[rule] += failed


def dimension(rule: str) -> str:
    """The dimension of data quality that a rule belongs to."""
    return _WHOLE.get(rule) or _RULES[rule.rpartition(".")[2]][0]


def _rules(column: Column, contract: EvolvedContract) -> Iterator[str]:
    if column.required:
        yield "required"
    yield "type"
    if column.minimum is not None or column.maximum is not None or column.name == contract.event_time.column:
        yield "range"
    if column.min_length is not None or column.max_length is not None:
        yield "length"
    if column.pattern is not None:
        yield "pattern"
