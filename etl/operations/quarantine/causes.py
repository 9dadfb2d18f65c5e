"""Why most rows of a load were rejected: the contract's line, three values, and the command that loads them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from etl.contract.model import Contract
from etl.database.schema.tables.audit_tables import etl_rejected_row
from etl.operations.feeds.broken_rules import broken_rule
from etl.operations.quarantine.rows import QUARANTINED
from etl.operations.quarantine.without_readings import says_that_it_has_none
from etl.validation.reasons import Reason

MOST_CAUSES = 3
EXAMPLES = 3
_EXAMINED = 200
"""Rows of a reason whose problems are read: of a load that rejects millions, not all are."""
_LONGEST_EXAMPLE = 40
_LONGEST_READ = 65_536
"""Characters of a message that are read, to see whether it has a reading at all."""
_WITHOUT_READING = (Reason.NO_READING, Reason.NO_ITEMS)
_row = etl_rejected_row.c
_AS_THEY_CAME = (_row.source_id, _row.source_partition, _row.source_offset, _row.source_item)


@dataclass(frozen=True)
class Cause:
    """Rows of a load that break one rule in one column."""

    reason: str
    column: str | None
    """None where the message as a whole is wrong."""
    rows: int
    is_estimate: bool
    """Whether the number follows from some of the rows with this reason, because there are too many to read all of them."""
    examples: tuple[str, ...]
    """Different values, or beginnings of messages."""
    words: str
    line: str
    """The contract's line, as `BrokenRule` has it."""
    replay: str
    """The command that loads the rows again once the contract is corrected; empty where no edit of it would help.

    It would not where the messages say that they have no reading, as a delete of Debezium does.
    """

    def sentence(self, read: int, *, with_values: bool = True) -> str:
        """The cause in words.

        :param read: how many rows the load has read.
        :param with_values: False for what is written to logs, which hold no values of rows.
        """
        about = "about " if self.is_estimate else ""
        place = f" ({self.line})" if self.line else ""
        values = f": {', '.join(map(repr, self.examples))}" if self.examples and with_values else ""
        end = f" When the contract is corrected: {self.replay}" if self.replay else ""
        were = "row was" if read == 1 else "rows were"
        return f"{about}{self.rows:,} of {read:,} {were} rejected because {self.words}{place}{values}.{end}"


def causes_of(
    connection: Connection, loads: Sequence[int], feed: str, contract: Contract | None, *, most: int = MOST_CAUSES
) -> tuple[Cause, ...]:
    """The most frequent causes of the rows that some loads put into the quarantine and that are still there.

    Conflicting rows have no part in it: the contract's key makes them so, not a rule for values.
    """
    counted = _counted(connection, loads)
    found = [
        cause
        for reason, rows in counted[: most + 1]
        for cause in _of_reason(connection, loads, feed, contract, reason, rows)
    ]
    return tuple(sorted(found, key=lambda cause: -cause.rows)[:most])


def _in_quarantine(loads: Sequence[int]) -> list[ColumnElement[bool]]:
    return [_row.log_id.in_(loads), _row.status == QUARANTINED, _row.reason != Reason.CONFLICTING.value]


def _counted(connection: Connection, loads: Sequence[int]) -> list[tuple[str, int]]:
    """Reasons with their number of rows, the most frequent first."""
    if not loads:
        return []
    rows = func.count().label("rows")
    query = select(_row.reason, rows).where(*_in_quarantine(loads)).group_by(_row.reason)
    return [(row.reason, row.rows) for row in connection.execute(query.order_by(rows.desc(), _row.reason))]


def _of_reason(
    connection: Connection, loads: Sequence[int], feed: str, contract: Contract | None, reason: str, rows: int
) -> list[Cause]:
    """The rows of one reason, divided by the column that has the problem."""
    where = [*_in_quarantine(loads), _row.reason == reason]
    query = select(_row.problems).where(*where).order_by(*_AS_THEY_CAME).limit(_EXAMINED)
    firsts = [problems[0] for problems in connection.scalars(query)]
    by_column: dict[str | None, list[str | None]] = {}
    for first in firsts:
        by_column.setdefault(first["column"], []).append(first["value"])
    hold_none = (
        reason in _WITHOUT_READING
        and contract is not None
        and _all_say_that_they_have_none(connection, where, contract)
    )
    causes = []
    for column, values in by_column.items():
        examples = _different(_texts(connection, where) if column is None else values)
        rule = broken_rule(contract, Reason(reason), column, examples[0] if examples else None)
        command = f"python -m etl quarantine replay --feed {feed} --reason {reason}"
        causes.append(
            Cause(
                reason,
                column,
                round(rows * len(values) / len(firsts)),
                rows > len(firsts),
                examples,
                rule.words,
                rule.line,
                command if rule.can_be_corrected and not hold_none else "",
            )
        )
    return causes


def _all_say_that_they_have_none(connection: Connection, where: list[ColumnElement[bool]], contract: Contract) -> bool:
    """Whether none of the rows that are examined could be a reading by another contract."""
    beginning = func.substring(_row.raw, 1, _LONGEST_READ)
    query = select(beginning, _row.source_item).where(*where).order_by(*_AS_THEY_CAME).limit(_EXAMINED)
    return all(says_that_it_has_none(raw, item, contract) for raw, item in connection.execute(query))


def _texts(connection: Connection, where: list[ColumnElement[bool]]) -> list[str | None]:
    """The beginnings of some messages that are wrong as a whole."""
    beginning = func.substring(_row.raw, 1, _LONGEST_EXAMPLE + 1)
    query = select(beginning).where(*where).order_by(*_AS_THEY_CAME).limit(10 * EXAMPLES)
    return list(connection.scalars(query))


def _different(values: Sequence[str | None]) -> tuple[str, ...]:
    """The first few different values, the beginning of long ones."""
    short = (v if len(v) <= _LONGEST_EXAMPLE else f"{v[:_LONGEST_EXAMPLE]}…" for v in values if v)
    return tuple(dict.fromkeys(short))[:EXAMPLES]
