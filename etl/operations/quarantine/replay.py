"""Replay: validate quarantined rows again, after the contract or the data was corrected, and load those that are valid now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, select, true, update

from etl.audit import provenance
from etl.audit.counts import Counts
from etl.audit.job import JobRun, job_run, rehearsal
from etl.audit.states import Job
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import STAGE_ROW, Refused, in_batches, lock_feed, make_stage, transaction
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_rejected_row, etl_source
from etl.errors import ConfigurationError
from etl.jobs.load import conflicts
from etl.jobs.load.conflicts import Conflicts
from etl.jobs.load.derived import registry
from etl.jobs.load.derived.base import NewRows
from etl.jobs.load.derived.summary import summarise
from etl.jobs.load.tables import ensure_feed
from etl.operations.quarantine.rows import QUARANTINED, REPLAY_SUFFIX, REPLAYED, REPLAYED_ROWS, Selection
from etl.operations.quarantine.undecoded import decoded_texts
from etl.settings import Settings
from etl.validation.reasons import Reason
from etl.validation.rejects import COORDINATES, Problem, as_json
from etl.validation.reread import placed, reread, still_bad, with_all_readings

if TYPE_CHECKING:
    import pyarrow as pa

_row = etl_rejected_row.c


@dataclass(frozen=True)
class Replayed:
    """What a replay did, or would do.

    `counts`: read = readings of the selected rows, processed = loaded, duplicate = the same reading is in the table already,
    conflicting = a reading with the same key and other values is, rejected = still invalid.
    """

    cycle_id: str | None
    counts: Counts
    still_bad: tuple[Mapping[str, Any], ...]
    """rejected_id, reason and problems of each row that stays in quarantine."""


def replay(
    settings: Settings,
    contract: Contract,
    selection: Selection,
    *,
    changes: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Replayed:
    """Validate quarantined rows of a feed again, and load those that are valid now.

    It is one transaction with its own audit row, whose `log_id` the rejected rows get in `replayed_by`. The loaded rows keep
    the coordinates of the message they came from. Rows that are still invalid stay in quarantine unchanged. A second replay
    of the same rows has nothing to do.

    :param changes: column → text that replaces the row's value.
    :param dry_run: do the same, then roll it back: the result is what the replay would do now.
    :raises ConfigurationError: the contract has no such column.
    :raises ServiceUnavailable: a row waits for its schema, and the schema registry does not answer.
    """
    changes = changes or {}
    with connected(settings, "quarantine") as connection:
        columns = with_added_columns(connection, contract).column_names
        found = _select(connection, contract, selection)
    if unknown := set(changes) - set(columns):
        raise ConfigurationError(
            f"Feed {contract.feed} has no column {sorted(unknown)[0]!r}.", remedy=f"Columns: {', '.join(columns)}."
        )
    if not found:
        return Replayed(None, Counts(), ())
    chosen = frozenset(row["rejected_id"] for row in found)
    # Before the transaction: nobody waits for the schema registry with a lock.
    texts = decoded_texts(settings, contract, found)
    parameters = {"replay": sorted(chosen), "set": dict(changes)}
    cycle_id = provenance.new_cycle_id() + REPLAY_SUFFIX
    work = partial(_load, contract=contract, selection=selection, chosen=chosen, changes=changes, texts=texts)
    if dry_run:
        with rehearsal(settings, contract, Job.LOAD, cycle_id, parameters) as (run, connection):
            return replace(work(connection, run), cycle_id=None)
    with job_run(settings, contract, Job.LOAD, cycle_id, parameters) as run, transaction(run.engine) as connection:
        return work(connection, run)


def _select(connection: Connection, contract: Contract, selection: Selection) -> list[dict[str, Any]]:
    query = (
        select(etl_rejected_row, etl_source.c.header)
        .join(etl_source, etl_source.c.source_id == _row.source_id)
        .where(*selection.conditions(), _row.feed == contract.feed, _row.status == QUARANTINED)
    )
    return [dict(row) for row in connection.execute(query.order_by(_row.rejected_id)).mappings()]


def _load(
    connection: Connection,
    run: JobRun,
    *,
    contract: Contract,
    selection: Selection,
    chosen: frozenset[int],
    changes: Mapping[str, str],
    texts: Mapping[int, str],
) -> Replayed:
    """Insert what is valid now, mark the quarantined rows, and close the audit row, all in the caller's transaction.

    :param texts: rejected_id → what replaces the row's own text.
    """
    lock_feed(connection, contract.feed)
    contract = with_added_columns(connection, contract)
    # Selected again under the lock: another command may have replayed or discarded a row meanwhile.
    chosen_rows = [row for row in _select(connection, contract, selection) if row["rejected_id"] in chosen]
    if not chosen_rows:
        run.succeed(connection, Counts())
        return Replayed(run.cycle_id, Counts(), ())
    chosen_rows = [{**row, "raw": texts.get(row["rejected_id"], row["raw"])} for row in chosen_rows]
    rows = with_all_readings(contract, chosen_rows)
    checked = reread(contract, rows, changes, now=run.started)
    ids = [rows[place]["rejected_id"] for place in checked.accepted["source_offset"].to_pylist()]
    table = ensure_feed(connection, contract)
    loaded, bad = _insert(connection, run, contract, table, placed(checked, contract, rows, ()))
    still = still_bad(rows, checked)
    registry.update(connection, NewRows(contract, table, run.log_id, true()))
    still += [{"rejected_id": ids[row], **why} for row, why in bad.items()]
    # A message counts as replayed when all its readings are loaded; its valid readings are loaded in any case.
    done = dict.fromkeys(number for number in ids if number not in {row["rejected_id"] for row in still})
    _decide(connection, run, [*done], changes)
    run.remember({REPLAYED_ROWS: len(done)})
    conflicting = sum(why["reason"] == Reason.CONFLICTING.value for why in bad.values())
    counts = Counts(
        read=len(rows),
        processed=loaded,
        rejected=len(still) - conflicting,
        duplicate=len(ids) - len(bad) - loaded,
        conflicting=conflicting,
    )
    summarise(connection, contract, table, run.log_id).write_watermark(connection, run.log_id)
    run.succeed(connection, counts)
    return Replayed(run.cycle_id, counts, tuple(still))


def _insert(
    connection: Connection, run: JobRun, contract: EvolvedContract, table: Table, readings: pa.Table
) -> tuple[int, dict[int, dict[str, Any]]]:
    """Insert valid readings; returns the number that is loaded, and reason and problems of each that is not, by its number."""
    stage = make_stage(connection, table, [*contract.column_names, "source_id", *COORDINATES])
    stage.copy(readings)
    constants = {"log_id": run.log_id}
    loaded, refused = stage.insert_new(constants)
    bad = {place.row: _refused(place) for place in refused}
    conflicting = conflicts.find(connection, contract, stage, constants)
    if contract.on_conflict == "keepLast" and conflicting.rows.num_rows:
        loaded += conflicts.keep_last(connection, contract, stage, constants, conflicting, run.log_id).rows
    else:
        places = conflicting.rows[STAGE_ROW].to_pylist()
        bad |= {row: _conflicting(conflicting, number) for number, row in enumerate(places)}
    return loaded, bad


def _decide(connection: Connection, run: JobRun, done: Sequence[int], changes: Mapping[str, str]) -> None:
    """Mark the quarantined rows that were replayed, with the changes that were applied."""
    note = f"replayed with {json.dumps(dict(changes))}"[:400] if changes else None
    decided = {"status": REPLAYED, "replayed_by": run.log_id, "decided_at": datetime.now(UTC), "note": note}
    for batch in in_batches(done):
        connection.execute(update(etl_rejected_row).where(_row.rejected_id.in_(batch)).values(**decided))


def _refused(refused: Refused) -> dict[str, Any]:
    problem = Problem(0, Reason.DATABASE_REFUSED, None, f"SQLSTATE {refused.state}")
    return {"reason": problem.reason.value, "problems": json.loads(as_json([problem]))}


def _conflicting(conflicting_rows: Conflicts, number: int) -> dict[str, Any]:
    return {"reason": Reason.CONFLICTING.value, "problems": json.loads(as_json(conflicting_rows.problems(number)))}
