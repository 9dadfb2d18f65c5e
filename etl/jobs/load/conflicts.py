"""Rows with the key of an earlier row and other values: found, counted, and treated as the contract says (`onConflict`).

* `quarantine`: the earlier row stays; the later one is kept in the quarantine, with the values that differ.
* `keepFirst`: the earlier row stays; the later one is counted.
* `keepLast`: the later row replaces it. The earlier one is kept in the quarantine as REPLACED; `undo` puts it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    delete,
    exists,
    insert,
    literal,
    literal_column,
    not_,
    select,
    true,
    update,
)

from etl.contract.model import BROKER_TIME, EvolvedContract
from etl.database import STAGE_ROW, Stage, in_batches, insert_rows, keep_in_temporary, make_stage, read_table
from etl.database.conflicts import PLACE, conflicting, differs, last_of_each_key, same_key
from etl.database.schema.tables.audit_tables import etl_log, etl_rejected_row, etl_source
from etl.errors import ConfigurationError
from etl.jobs.load.derived import registry
from etl.jobs.load.value_texts import value_text
from etl.validation.reasons import Reason
from etl.validation.rebuilt_text import compose_json, compose_line
from etl.validation.rejects import COORDINATES, Problem
from etl.validation.reread import beside_key, placed, reread

REPLACED = "REPLACED"
"""Status of a row in the quarantine that was loaded, and replaced by a later one."""
# With a space, which no column of a contract can have.
_IS_OWN = "is own"


@dataclass(frozen=True)
class Conflicts:
    """The staged rows of an archive that differ from an earlier row with their key."""

    rows: pa.Table
    """Number in the stage, coordinates, and per compared column whether it differs; in the order of their numbers."""
    compared: tuple[str, ...]
    query: Select[Any]

    def problems(self, number: int) -> list[Problem]:
        """The problems of one of the rows: every column that differs."""
        return [
            Problem(0, Reason.CONFLICTING, name)
            for place, name in enumerate(self.compared)
            if self.rows[differs(place)][number].as_py()
        ]


def find(connection: Connection, contract: EvolvedContract, stage: Stage, constants: Mapping[str, Any]) -> Conflicts:
    """The conflicts of what was staged; call it after the insertion."""
    # When a message arrived says nothing about the reading: one that was sent twice is a duplicate.
    columns = (column for column in contract.columns if column.origin != BROKER_TIME)
    compared = tuple(column.name for column in columns if column.name not in contract.primary_key)
    types = [(STAGE_ROW, pa.int64()), *((name, pa.int64()) for name in COORDINATES)]
    schema = pa.schema([*types, *((differs(number), pa.bool_()) for number in range(len(compared)))])
    if not compared or not contract.primary_key:
        # Without a key, rows are identified by where they came from.
        return Conflicts(schema.empty_table(), compared, select())
    query = conflicting(stage, contract.primary_key, compared, dict(constants))
    return Conflicts(read_table(connection, query, schema), compared, query)


@dataclass(frozen=True)
class Replacements:
    """What `keepLast` did with the conflicting rows of an archive."""

    rows: int
    """How many of them are in the table now."""
    of_archive: int
    """How many rows of the same archive they replaced."""


NO_REPLACEMENTS = Replacements(0, 0)


def keep_last(
    connection: Connection,
    contract: EvolvedContract,
    stage: Stage,
    constants: Mapping[str, Any],
    conflicts: Conflicts,
    log_id: int,
    of_archive: ColumnElement[bool] | None = None,
) -> Replacements:
    """Replace the row of each key by the last staged one; the row that was there goes to the quarantine as REPLACED.

    :param of_archive: which of the load's rows in the table are those of the archive that is being loaded.
    """
    table, key = stage.table, contract.primary_key
    numbers = last_of_each_key(stage, key, conflicts.query)
    last = keep_in_temporary(connection, f"last_{contract.table}", numbers)
    staged = stage.staged.alias("staged rows")
    rows = staged.join(last, last.c[STAGE_ROW] == staged.c[STAGE_ROW])
    is_replaced = exists(select(literal_column("1")).select_from(rows).where(same_key(table, staged, key)))
    replaced = select(table).where(is_replaced).subquery("replaced")
    with registry.following(connection, contract, table, replaced):
        is_own = and_(table.c.log_id == log_id, true() if of_archive is None else of_archive)
        earlier = connection.execute(
            select(table, etl_source.c.header, case((is_own, 1), else_=0).label(_IS_OWN))
            .join(etl_source, etl_source.c.source_id == table.c.source_id)
            .where(is_replaced)
        )
        rows_there = [dict(row) for row in earlier.mappings()]
        _keep_replaced(connection, contract, rows_there, log_id)
        connection.execute(delete(table).where(is_replaced))
        names = [name for name in stage.columns if name not in constants]
        values = [literal(value, table.c[name].type) for name, value in constants.items()]
        query = select(*(staged.c[name] for name in names), *values).select_from(rows)
        insertion = insert(table).from_select([*names, *constants], query).execution_options(preserve_rowcount=True)
        inserted = connection.execute(insertion).rowcount
    return Replacements(int(inserted), sum(row[_IS_OWN] for row in rows_there))


def _keep_replaced(
    connection: Connection, contract: EvolvedContract, rows: Sequence[Mapping[str, Any]], log_id: int
) -> None:
    """Keep rows of the table in the quarantine."""
    problems = [{"column": None, "rule": Reason.CONFLICTING.value, "value": None}]
    is_all_text = all(column.is_in_message for column in contract.columns)
    kept = [
        {
            "feed": contract.feed,
            **{name: row[name] for name in PLACE},
            "raw": text_of_row(row, contract),
            "raw_rebuilt": True,
            **({} if is_all_text else {"beside_message": beside_of_row(row, contract)}),
            "reason": Reason.CONFLICTING.value,
            "problems": problems,
            "status": REPLACED,
            "log_id": log_id,
            "replayed_by": row["log_id"],
            "decided_at": datetime.now(UTC),
        }
        for row in rows
    ]
    place = [etl_rejected_row.c[name] for name in PLACE]
    for batch in in_batches(kept):
        # A row that was replayed is in the quarantine already.
        near = [etl_rejected_row.c[name].in_({row[name] for row in batch}) for name in ("source_id", "source_offset")]
        existing = {tuple(coordinates) for coordinates in connection.execute(select(*place).where(*near))}
        if new := [row for row in batch if tuple(row[name] for name in PLACE) not in existing]:
            insert_rows(connection, etl_rejected_row, new)


def put_back(connection: Connection, contract: EvolvedContract, table: Table, loads: Sequence[int]) -> int:
    """Put rows that some loads replaced back into the table, unless the load that inserted them is undone as well.

    Call it after the rows of those loads have been removed. Returns how many there were. A row whose key another load's row has
    by now is put back by the undo of that load. A row that a replay had loaded is not put back: once that replay is undone, it
    can be replayed again.

    :raises ConfigurationError: the contract, or the database, rejects some of them by now.
    """
    row = etl_rejected_row.c
    query = (
        select(etl_rejected_row, etl_source.c.header)
        .join(etl_source, etl_source.c.source_id == row.source_id)
        .join(etl_log, etl_log.c.log_id == row.replayed_by)
        .where(
            row.log_id.in_(loads), row.status == REPLACED, row.replayed_by.not_in(loads), etl_log.c.undone_at.is_(None)
        )
        # Of a key's rows, the one that was replaced last.
        .order_by(row.rejected_id.desc())
    )
    rows = [{**replaced, "log_id": replaced["replayed_by"]} for replaced in connection.execute(query).mappings()]
    if not rows:
        return 0
    checked = reread(contract, rows, {}, now=datetime.now(UTC))
    if checked.rejected_rows:
        problem = json.loads(checked.rejected["problems"][0].as_py())[0]
        shown = f"{problem['rule']} in {problem['column'] or 'its text'}, {problem['value']!r}"
        raise _cannot_put_back(contract, len(checked.rejected_rows), shown)
    stage = make_stage(connection, table, [*contract.column_names, "source_id", *COORDINATES, "log_id"])
    stage.copy(placed(checked, contract, rows, ["log_id"]))
    restored, refused = stage.insert_new({})
    if refused:
        raise _cannot_put_back(contract, len(refused), f"SQLSTATE {refused[0].state}")
    if restored < len(rows):
        _hand_over(connection, contract, stage, rows)
    for batch in in_batches(rows):
        ids, offsets = ({replaced[name] for replaced in batch} for name in ("source_id", "source_offset"))
        back = select(table).where(table.c.source_id.in_(ids), table.c.source_offset.in_(offsets)).subquery("put_back")
        registry.recompute(connection, contract, table, back)
    return restored


def _hand_over(
    connection: Connection, contract: EvolvedContract, stage: Stage, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Let rows that were staged, but whose key the table has, belong to the loads of the rows that have it."""
    table, staged = stage.table, stage.staged.alias("staged rows")
    is_itself = and_(*(table.c[name] == staged.c[name] for name in PLACE))
    holders = (
        select(table.c.log_id.label("holder"), *(staged.c[name] for name in PLACE))
        .select_from(staged.join(table, same_key(table, staged, contract.primary_key)))
        .where(not_(is_itself))
    )
    ids = {tuple(row[name] for name in PLACE): row["rejected_id"] for row in rows}
    by_holder: dict[int, list[int]] = {}
    for holder, *place in connection.execute(holders):
        by_holder.setdefault(holder, []).append(ids[tuple(place)])
    for holder, numbers in by_holder.items():
        for batch in in_batches(numbers):
            moved = update(etl_rejected_row).where(etl_rejected_row.c.rejected_id.in_(batch))
            connection.execute(moved.values(log_id=holder))


def forget_replaced(connection: Connection, loads: Sequence[int]) -> None:
    """Remove rows of some loads, which are undone, from those that were replaced: their archives are loaded again."""
    row = etl_rejected_row.c
    connection.execute(delete(etl_rejected_row).where(row.replayed_by.in_(loads), row.status == REPLACED))


def _cannot_put_back(contract: EvolvedContract, rows: int, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"Rows that were replaced cannot be put back into {contract.table}: {rows}, which feed {contract.feed} rejects by now."
        f" What is wrong with the first one: {problem}.",
        remedy="Undo with the contract as it was when they were loaded; then edit it again. A time that no format of its column"
        " can express is kept in ISO 8601: name iso8601 among its formats for the undo.",
    )


def text_of_row(row: Mapping[str, Any], contract: EvolvedContract) -> str:
    """A row of the table in the form of its source.

    :param row: with the `header` of its source: the columns of a CSV file, None for messages.
    """
    texts = {column.name: value_text(row[column.name], column, contract) for column in contract.message_columns}
    if row["header"]:
        by_name = {column.source[0]: texts[column.name] for column in contract.message_columns}
        return compose_line(row["header"], by_name, contract.source.format.dialect)
    return compose_json((column.source, texts[column.name], column.type) for column in contract.message_columns)


def beside_of_row(row: Mapping[str, Any], contract: EvolvedContract) -> dict[str, str]:
    """What a row of the table has that is in no message, as the quarantine keeps it."""
    columns = (column for column in contract.columns if not column.is_in_message)
    texts = {beside_key(column): value_text(row[column.name], column, contract) for column in columns}
    return {key: text for key, text in texts.items() if text is not None}
