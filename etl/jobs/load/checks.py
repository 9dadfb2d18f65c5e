"""Checks before a load is committed: the archive is what its manifest says, and every row is accounted for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Table, and_, case, func, select

from etl.audit.counts import Counts
from etl.audit.job import JobRun
from etl.audit.sources import Sources
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database.schema.tables.audit_tables import etl_rejected_row
from etl.errors import BalanceError, FailureBudgetExceeded, IntegrityError
from etl.jobs.load.derived.summary import LoadSummary, summarise
from etl.jobs.load.rows import Inserted
from etl.storage import files
from etl.storage.manifests import Archive
from etl.validation.reasons import Reason


def require_unchanged(file: Path, archive: Archive) -> None:
    if not file.exists():
        raise IntegrityError(f"Archive {file.name} is gone, its manifest is there.", remedy="Restore it from a copy.")
    digest = files.content_sha256(file)
    if digest != archive.sha256:
        raise IntegrityError(
            f"Archive {file.name} was changed after its manifest was written (SHA-256 {digest[:12]}…, expected"
            f" {archive.sha256[:12]}…). Nothing of it was loaded.",
            remedy="Restore the file from a copy; to load changed rows, send them as messages (source_file of 1_produce).",
        )


def require_all_read(archive: Archive, counts: Counts) -> None:
    """Compare the rows that were read with those of the archive's manifest."""
    if counts.read != archive.rows:
        raise BalanceError(
            f"{archive.file_name}: the manifest says {archive.rows} rows, {counts.read} were read.",
            remedy="Nothing was committed. Restore the archive from its batches or from a copy.",
        )


def require_budget(contract: Contract, archive: Archive, counts: Counts) -> None:
    """Refuse an archive with too many bad rows: they mean that the source has changed, and somebody should look into it.

    :raises FailureBudgetExceeded: more than the contract's share of its rows was rejected.
    """
    if counts.rejected > contract.failure_budget * counts.read:
        raise FailureBudgetExceeded(
            f"{archive.file_name}: {counts.rejected} of {counts.read} rows would be rejected, more than the contract's"
            f" failureBudget of {contract.failure_budget:g}. Nothing was committed.",
            remedy="Correct the source or the contract, or raise failureBudget; then run again.",
        )


def require_in_table(
    connection: Connection, run: JobRun, contract: EvolvedContract, table: Table, sources: Sources, inserted: Inserted
) -> LoadSummary:
    """Count what the feed's table holds of an archive, and compare it with what was counted when it was inserted.

    A row that replaced another one is in the table as well; a later archive of the same load may replace it in turn.
    """
    counted = inserted.counts.processed + inserted.replacements.rows - inserted.replacements.of_archive
    after = inserted.fresh.newest if inserted.fresh else None
    held = summarise(connection, contract, table, run.log_id, inserted.whereabouts, after)
    if held.rows != counted:
        of_archive = and_(table.c.log_id == run.log_id, sources.are_of(table))
        held = summarise(connection, contract, table, run.log_id, of_archive, after)
    if held.rows != counted:
        raise _imbalance(f"{table.name} holds {held.rows} rows of this archive; {counted} were counted.")
    return held


def require_in_quarantine(connection: Connection, run: JobRun, contract: Contract, total: Counts) -> None:
    """Compare what this job has rejected with what the quarantine holds of it."""
    row = etl_rejected_row.c
    conflicting = case((row.reason == Reason.CONFLICTING.value, 1), else_=0)
    rows, different = connection.execute(
        select(func.count(), func.coalesce(func.sum(conflicting), 0)).where(row.log_id == run.log_id)
    ).one()
    kept = total.conflicting if contract.on_conflict == "quarantine" else different
    if (rows - different, different) != (total.rejected, kept):
        raise _imbalance(
            f"The quarantine holds {rows - different} rejected and {different} conflicting rows of this load;"
            f" {total.rejected} and {total.conflicting} were counted."
        )


def _imbalance(cause: str) -> BalanceError:
    return BalanceError(
        f"{cause} Nothing was committed.",
        remedy="Run again. If it happens again, this is a defect: keep backup/ as it is and report it.",
    )
