"""Quarantined rows once more through the validation, after something was mended; what is good now is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select, true, update

from etl import audit, derived
from etl.audit import Counts, JobRun
from etl.contract import Contract
from etl.database import in_batches, lock_feed, make_stage, transaction
from etl.errors import ConfigurationError
from etl.message import read
from etl.quarantine import QUARANTINED, REPLAY_SUFFIX, REPLAYED, Selection
from etl.schema import ensure_feed
from etl.settings import Settings
from etl.tables import connected, etl_rejected_row, etl_source, grown
from etl.validate import COORDINATES, Validated, validate

_row = etl_rejected_row.c


@dataclass(frozen=True)
class Replayed:
    """What a replay did, or would do.

    `counts`: read = rows selected, processed = loaded, duplicate = their key is in the table already, rejected = still bad.
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
    """Put quarantined rows of a feed through the same validation again, and load those that are good now.

    One transaction, with an audit row of its own, whose number the rejected rows get in `replayed_by`; the loaded rows keep the
    coordinates of the message they came from. Rows that are bad still stay in quarantine as they are. A second replay finds
    nothing to do.

    :param changes: column → text that replaces the row's own value.
    :raises ConfigurationError: the contract has no such column.
    """
    changes = changes or {}
    if unknown := set(changes) - set(contract.column_names):
        raise ConfigurationError(
            f"Feed {contract.feed} has no column {sorted(unknown)[0]!r}.",
            remedy=f"Columns: {', '.join(contract.column_names)}.",
        )
    with connected(settings, "quarantine") as connection:
        contract = grown(connection, contract)
        waiting = _select(connection, contract, selection)
    if dry_run or not waiting:
        return _foretell(contract, waiting, changes)
    parameters = {"replay": [row["rejected_id"] for row in waiting], "set": dict(changes)}
    cycle_id = audit.new_cycle_id() + REPLAY_SUFFIX
    with audit.job(settings, contract, "load", cycle_id, parameters) as run, transaction(run.engine) as connection:
        lock_feed(connection, contract.feed)
        # Selected again under the lock: somebody may have decided on a row meanwhile.
        chosen = set(parameters["replay"])
        waiting = [row for row in _select(connection, contract, selection) if row["rejected_id"] in chosen]
        return _load(connection, run, contract, waiting, changes)


def _select(connection: Connection, contract: Contract, selection: Selection) -> list[dict[str, Any]]:
    query = (
        select(etl_rejected_row, etl_source.c.header)
        .join(etl_source, etl_source.c.source_id == _row.source_id)
        .where(*selection.conditions(), _row.feed == contract.feed, _row.status == QUARANTINED)
    )
    return [dict(row) for row in connection.execute(query.order_by(_row.rejected_id)).mappings()]


def _check(
    contract: Contract, rows: Sequence[Mapping[str, Any]], changes: Mapping[str, str], now: datetime
) -> Validated:
    """The rows as a chunk of an archive, validated; `source_offset` stands for the row's place in the list."""
    texts = [
        {**read(row["raw"], contract, row["source_item"], tuple(row["header"] or ())).texts, **changes} for row in rows
    ]
    columns = {name: [text.get(name) for text in texts] for name in contract.column_names}
    columns |= {name: ["0"] * len(rows) for name in COORDINATES}
    columns["source_offset"] = [str(place) for place in range(len(rows))]
    return validate(pa.record_batch({n: pa.array(v, pa.string()) for n, v in columns.items()}), contract, now=now)


def _still_bad(rows: Sequence[Mapping[str, Any]], checked: Validated) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "rejected_id": rows[bad["source_offset"]]["rejected_id"],
            "reason": bad["reason"],
            "problems": json.loads(bad["problems"]),
        }
        for bad in checked.rejected.to_pylist()
    )


def _foretell(contract: Contract, rows: Sequence[Mapping[str, Any]], changes: Mapping[str, str]) -> Replayed:
    if not rows:
        return Replayed(None, Counts(), ())
    checked = _check(contract, rows, changes, datetime.now(UTC))
    counts = Counts(len(rows), checked.accepted.num_rows, checked.rejected.num_rows)
    return Replayed(None, counts, _still_bad(rows, checked))


def _load(
    connection: Connection,
    run: JobRun,
    contract: Contract,
    rows: Sequence[Mapping[str, Any]],
    changes: Mapping[str, str],
) -> Replayed:
    """Insert what is good now, link it with the quarantine, and close the audit row, all in the caller's transaction."""
    if not rows:
        run.succeed(connection, Counts())
        return Replayed(run.cycle_id, Counts(), ())
    checked = _check(contract, rows, changes, run.started)
    places = checked.accepted["source_offset"].to_pylist()
    table = ensure_feed(connection, contract)
    stage = make_stage(connection, table, [*contract.column_names, "source_id", *COORDINATES])
    good = checked.accepted.select(list(contract.column_names))
    for name in ("source_id", *COORDINATES):
        good = good.append_column(name, pa.array([rows[place][name] for place in places], pa.int64()))
    stage.copy(good)
    loaded, refused = stage.insert_new({"log_id": run.log_id})
    derived.derive(connection, contract, table, run.log_id, true())
    derived.reach(connection, run.log_id, derived.brought(connection, contract, table, run.log_id))
    refused_rows = {place.row for place in refused}
    done = [rows[place]["rejected_id"] for i, place in enumerate(places) if i not in refused_rows]
    note = f"replayed with {json.dumps(dict(changes))}"[:400] if changes else None
    decided = {"status": REPLAYED, "replayed_by": run.log_id, "decided_at": datetime.now(UTC), "note": note}
    for some in in_batches(done):
        connection.execute(update(etl_rejected_row).where(_row.rejected_id.in_(some)).values(**decided))
    counts = Counts(
        read=len(rows),
        processed=loaded,
        rejected=checked.rejected.num_rows + len(refused),
        duplicate=len(done) - loaded,
    )
    run.succeed(connection, counts)
    return Replayed(run.cycle_id, counts, _still_bad(rows, checked))
