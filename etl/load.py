"""Job 4: validate archives and load them, each in one transaction with everything that follows from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import structlog
from sqlalchemy import Connection, Table, delete, func, insert, select

from etl import audit, failpoints, files
from etl.audit import Counts, JobRun
from etl.contract import Contract
from etl.database import Refused, Stage, lock_feed, make_stage, transaction
from etl.errors import BalanceError, FailureBudgetExceeded, IntegrityError
from etl.files import Archive
from etl.reasons import Reason
from etl.retry import retrying
from etl.settings import Settings
from etl.tables import ensure_feed_table, etl_file, etl_rejected_row, etl_source
from etl.validate import COORDINATES, validate

log = structlog.get_logger("load")


@dataclass(frozen=True)
class Loaded:
    """What was loaded. `counts`: read = rows of the archives, processed = rows now in the feed's table."""

    cycle_id: str
    counts: Counts
    archives: tuple[Archive, ...]
    reasons: pd.Series
    """Rejected rows by reason."""
    sample: pd.DataFrame
    """What a few sensors sent, for a plot."""


def load(settings: Settings, contract: Contract, *, cycle_id: str = "") -> Loaded:
    """Load every archive that the ledger does not hold, oldest first.

    One transaction takes an archive: its place in the ledger, its rows, the rejected ones, and this job's audit row. So an
    archive is loaded as a whole or not at all, and never twice.

    :raises IntegrityError: an archive is not what its manifest says.
    :raises BalanceError: rows read are not rows loaded + rejected + duplicate, or the table holds another number.
    """
    with audit.job(settings, contract, "load", cycle_id, {}) as run:
        folder = files.feed_backup(settings, contract.feed)
        waiting = _waiting(run, contract, folder)
        total = Counts()
        for number, archive in enumerate(waiting, start=1):
            last = number == len(waiting)
            total = retrying(
                settings,
                f"loading {archive.file_name}",
                partial(_load_once, run, contract, folder, archive, total, last=last),
            )
        with transaction(run.engine) as connection:
            table = ensure_feed_table(connection, contract)
            if not waiting:
                run.succeed(connection, total)
            return Loaded(
                run.cycle_id,
                total,
                tuple(waiting),
                _reasons(connection, run),
                _sample(connection, run, contract, table),
            )


def waiting_archives(connection: Connection, contract: Contract, folder: Path) -> list[str]:
    """File names of archives that the ledger does not hold, oldest first."""
    held = select(etl_file.c.file_name).where(etl_file.c.feed == contract.feed, etl_file.c.undone_at.is_(None))
    loaded = set(connection.scalars(held))
    return [name for name in files.archives(folder) if name not in loaded]


def _waiting(run: JobRun, contract: Contract, folder: Path) -> list[Archive]:
    with transaction(run.engine) as connection:
        archives = [files.read_archive(folder, name) for name in waiting_archives(connection, contract, folder)]
        known = {archive.file_name for archive in archives if _entry(connection, archive) is not None}
    fresh: dict[tuple[str, str], Archive] = {}
    for archive in archives:
        # The same content of the same source is the same archive, whatever its name.
        key = (archive.source.identity, archive.sha256)
        if archive.file_name in known or key in fresh:
            log.info("the same archive under another name", archive=archive.file_name)
        else:
            fresh[key] = archive
    return list(fresh.values())


def _entry(connection: Connection, archive: Archive) -> int | None:
    """The `log_id` with which the ledger holds an archive; None where it does not, or not any more."""
    return connection.scalar(
        select(etl_file.c.log_id)
        .join(etl_source, etl_source.c.source_id == etl_file.c.source_id)
        .where(
            etl_source.c.feed == archive.feed,
            etl_source.c.identity == archive.source.identity,
            etl_file.c.sha256 == archive.sha256,
            etl_file.c.undone_at.is_(None),
        )
    )


def _load_once(
    run: JobRun, contract: Contract, folder: Path, archive: Archive, before: Counts, *, last: bool
) -> Counts:
    """Load an archive, unless an attempt before this one did, of whose COMMIT the answer was lost: the ledger knows."""
    with transaction(run.engine) as connection:
        if _entry(connection, archive) == run.log_id:
            log.warning("the commit had succeeded, its answer was lost", archive=archive.file_name)
            run.counts = run.recorded(connection)
            run.closed = last
            return run.counts
    return _load_archive(run, contract, folder, archive, before, last=last)


def _load_archive(
    run: JobRun, contract: Contract, folder: Path, archive: Archive, before: Counts, *, last: bool
) -> Counts:
    """Load one archive in one transaction; returns the job's counts with it."""
    _require_unchanged(folder / archive.file_name, archive)
    with transaction(run.engine) as connection:
        lock_feed(connection, contract.feed)
        table = ensure_feed_table(connection, contract)
        source_id = _source_id(connection, archive)
        _enter(connection, archive, source_id, run)
        counts = _insert_rows(connection, run, contract, table, folder / archive.file_name, source_id)
        if counts.read != archive.rows:
            raise BalanceError(
                f"{archive.file_name}: the manifest says {archive.rows} rows, {counts.read} were read.",
                remedy="Nothing was committed. Restore the archive from its batches or from a copy.",
            )
        counts.require_balance(archive.file_name)
        _require_budget(contract, archive, counts)
        total = before + counts
        _require_in_table(connection, run, table, total)
        if last:
            run.succeed(connection, total)
        else:
            run.record(connection, total)
        failpoints.reached("load.before_commit")
    failpoints.reached("load.committed")
    run.counts = total
    log.info(
        "loaded",
        archive=archive.file_name,
        rows=counts.processed,
        rejected=counts.rejected,
        duplicates=counts.duplicate,
    )
    return total


def _require_unchanged(file: Path, archive: Archive) -> None:
    if not file.exists():
        raise IntegrityError(f"Archive {file.name} is gone, its manifest is there.", remedy="Restore it from a copy.")
    found = files.sha256(file)
    if found != archive.sha256:
        raise IntegrityError(
            f"Archive {file.name} was changed after its manifest was written (SHA-256 {found[:12]}…, expected"
            f" {archive.sha256[:12]}…). Nothing of it was loaded.",
            remedy="Restore the file from a copy; to load changed rows, replay them as messages (1_produce, replay).",
        )


def _source_id(connection: Connection, archive: Archive) -> int:
    values = {"feed": archive.feed, "name": archive.source.name, "identity": archive.source.identity}
    known = connection.scalar(select(etl_source.c.source_id).filter_by(**values))
    if known is None:
        known = connection.scalar(
            insert(etl_source).values(**values, first_seen=datetime.now(UTC)).returning(etl_source.c.source_id)
        )
    return int(known or 0)


def _enter(connection: Connection, archive: Archive, source_id: int, run: JobRun) -> None:
    """Enter an archive into the ledger. Source and SHA-256 are unique there, so that a second entry fails the transaction.

    An entry whose load was undone gives way to the new one.
    """
    same = (etl_file.c.source_id == source_id, etl_file.c.sha256 == archive.sha256)
    undone = (*same, etl_file.c.undone_at.is_not(None))
    connection.execute(delete(etl_file).where(*undone))
    connection.execute(
        insert(etl_file).values(
            feed=archive.feed,
            file_name=archive.file_name,
            sha256=archive.sha256,
            source_id=source_id,
            bytes=archive.bytes,
            rows=archive.rows,
            offset_ranges={partition: vars(offsets) for partition, offsets in archive.offsets.items()},
            archived_at=datetime.fromisoformat(archive.archived_at),
            loaded_at=datetime.now(UTC),
            log_id=run.log_id,
        )
    )


def _insert_rows(
    connection: Connection, run: JobRun, contract: Contract, table: Table, file: Path, source_id: int
) -> Counts:
    """Stage all rows of an archive chunk by chunk, then insert what the tables do not hold yet."""
    good = make_stage(connection, table, [*contract.column_names, *COORDINATES])
    bad = make_stage(connection, etl_rejected_row, [*COORDINATES, "raw", "raw_rebuilt", "reason", "problems"])
    read = accepted = refused = 0
    for chunk in files.read_chunks(file):
        checked = validate(chunk, contract, now=run.started)
        read += chunk.num_rows
        accepted += checked.accepted.num_rows
        refused += checked.rejected.num_rows
        good.copy(checked.accepted)
        if checked.rejected.num_rows:
            bad.copy(checked.rejected)
        failpoints.reached("load.copying")
    loaded, unwanted = good.insert_new({"source_id": source_id, "log_id": run.log_id})
    if unwanted:
        bad.copy(_refused_rows(good, unwanted, contract))
        accepted -= len(unwanted)
        refused += len(unwanted)
    rejected, _ = bad.insert_new({"source_id": source_id, "log_id": run.log_id, "feed": contract.feed})
    return Counts(read=read, processed=loaded, rejected=rejected, duplicate=(accepted - loaded) + (refused - rejected))


def _refused_rows(good: Stage, unwanted: list[Refused], contract: Contract) -> pa.Table:
    """Rows that the database refused, in the form of rejected ones."""
    rows = [(good.read(refused.row), refused.state) for refused in unwanted]
    problem = {"column": None, "rule": Reason.DATABASE_REFUSED.value}
    return pa.Table.from_pylist(
        [
            {
                **{name: row[name] for name in COORDINATES},
                "raw": json.dumps({name: row[name] for name in contract.column_names}, default=str, ensure_ascii=False),
                "raw_rebuilt": True,
                "reason": Reason.DATABASE_REFUSED.value,
                "problems": json.dumps([{**problem, "value": f"SQLSTATE {state}"}]),
            }
            for row, state in rows
        ]
    )


def _require_budget(contract: Contract, archive: Archive, counts: Counts) -> None:
    """Refuse an archive of which too much is bad: then something upstream has changed, and somebody should look.

    :raises FailureBudgetExceeded: more than the contract's share of its rows was rejected.
    """
    if counts.rejected > contract.failure_budget * counts.read:
        raise FailureBudgetExceeded(
            f"{archive.file_name}: {counts.rejected} of {counts.read} rows would be rejected, more than the contract's"
            f" failureBudget of {contract.failure_budget:g}. Nothing was committed.",
            remedy="Mend the source or the contract, or raise failureBudget; then run again.",
        )


def _require_in_table(connection: Connection, run: JobRun, table: Table, total: Counts) -> None:
    """Count again, in the database, what this job has loaded and rejected."""
    loaded = connection.scalar(select(func.count()).select_from(table).where(table.c.log_id == run.log_id))
    rejected = connection.scalar(
        select(func.count()).select_from(etl_rejected_row).where(etl_rejected_row.c.log_id == run.log_id)
    )
    if (loaded, rejected) != (total.processed, total.rejected):
        raise BalanceError(
            f"{table.name} holds {loaded} rows of this load and the quarantine {rejected}; counted were {total.processed}"
            f" and {total.rejected}. Nothing was committed.",
            remedy="Run again. If it stays so, this is a defect: keep backup/ as it is and report it.",
        )


def _reasons(connection: Connection, run: JobRun) -> pd.Series:
    rows = connection.execute(
        select(etl_rejected_row.c.reason, func.count().label("rows"))
        .where(etl_rejected_row.c.log_id == run.log_id)
        .group_by(etl_rejected_row.c.reason)
        .order_by(func.count().desc(), etl_rejected_row.c.reason)
    ).all()
    return pd.Series({row.reason: row.rows for row in rows}, name="rejected rows", dtype="int64")


def _sample(connection: Connection, run: JobRun, contract: Contract, table: Table) -> pd.DataFrame:
    """What a few sensors sent: enough for a plot, whatever the number of rows."""
    mine = table.c.log_id == run.log_id
    key = table.c[contract.message_key]
    sensors = select(key).where(mine).group_by(key).order_by(key).limit(5).subquery()
    rows = (
        select(*(table.c[name] for name in contract.column_names))
        .where(mine, key.in_(select(sensors)))
        .order_by(table.c[contract.event_time.column].desc())
        .limit(2_000)
    )
    return pd.DataFrame(connection.execute(rows).all(), columns=list(contract.column_names))
