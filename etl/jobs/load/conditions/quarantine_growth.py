"""Too many rows of a load are rejected. Items that are set aside are incidents of the same kind (`etl.audit.set_aside`)."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from etl.audit.incidents.finding import Finding, Kind, Look
from etl.database.schema.tables.audit_tables import etl_rejected_row
from etl.jobs.load.conditions.base import LoadEnd

_KEYS = frozenset({""})
_NAMED_REASONS = 3


def look(connection: Connection, load: LoadEnd) -> Look | None:
    """Compare the rejected rows with `rejectedShare` and `minRejected`; a load that has read nothing shows nothing."""
    rules, counts = load.contract.alerts, load.counts
    if not counts.read:
        return None
    if counts.rejected < rules.min_rejected or counts.rejected <= rules.rejected_share * counts.read:
        return Look(Kind.QUARANTINE_GROWTH, keys=_KEYS)
    feed = load.contract.feed
    finding = Finding(
        f"{counts.rejected:,} of {counts.read:,} rows of the load were rejected, more than {rules.rejected_share:.1%}:"
        f" {_reasons(connection, load.log_id)}.",
        remedy=f"`python -m etl quarantine list --feed {feed}` shows them. Correct what sends them or the contract, then load"
        f" them with `python -m etl quarantine replay --feed {feed}`.",
    )
    return Look(Kind.QUARANTINE_GROWTH, (finding,), _KEYS)


def _reasons(connection: Connection, log_id: int) -> str:
    """The most frequent reasons."""
    reason, rows = etl_rejected_row.c.reason, func.count().label("rows")
    of_load = select(reason, rows).where(etl_rejected_row.c.log_id == log_id).group_by(reason)
    found = connection.execute(of_load.order_by(rows.desc(), reason).limit(_NAMED_REASONS))
    return ", ".join(f"{name} {number:,}" for name, number in found)
