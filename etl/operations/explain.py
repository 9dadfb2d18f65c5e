"""One cycle in plain words: what was read, from which offsets, what became of the rows, and where the files are."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func, select

from etl.audit import ledger, log_rows
from etl.audit.incidents.reading import shown_by
from etl.audit.set_aside import FAILING, LANDING_FILE, RESOLVED, RETRIED, SET_ASIDE
from etl.audit.states import Job, Status
from etl.contract.durations import moment
from etl.contract.reader import Contract, load_contract
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import (
    etl_anomaly,
    etl_log,
    etl_quality_score,
    etl_rejected_row,
    etl_set_aside,
)
from etl.errors import ConfigurationError, NotFound
from etl.operations.outcome import holds, rows_in
from etl.operations.quarantine.causes import Cause, causes_of
from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import ArchiveFile

Row = Mapping[str, Any]
_NOTES_SHOWN = 20


def explain(settings: Settings, cycle_id: str) -> dict[str, Any]:
    """What is recorded of a cycle: its jobs, its archives with their offsets, rejected rows by reason, the contract's lines that
    rejected most of them, the incidents that it opened or resolved, and the load before it.

    :raises NotFound: there is no such cycle.
    """
    with connected(settings, "explain") as connection:
        return facts_of(connection, settings, cycle_id)


def facts_of(connection: Connection, settings: Settings, cycle_id: str) -> dict[str, Any]:
    """What `explain` returns."""
    jobs = log_rows.rows_of_cycle(connection, cycle_id)
    if not jobs:
        raise NotFound(f"There is no cycle {cycle_id!r}.", remedy="`python -m etl history` lists them.")
    loads = [job["log_id"] for job in jobs if job["job_name"] == Job.LOAD]
    feed = jobs[0]["feed"]
    contract = _contract(settings, feed)
    return {
        "cycle_id": cycle_id,
        "feed": feed,
        "jobs": jobs,
        "archives": ledger.archives_of(connection, loads),
        "landing_files": ledger.landing_files_of(connection, loads),
        "landing_moved_to": ledger.places_of_landing_files(connection, loads),
        "rejected": _reasons(connection, loads),
        "causes": [asdict(cause) for cause in causes_of(connection, loads, feed, contract)],
        "table": _table(connection, contract, jobs),
        "set_aside": _set_aside(connection, [job["log_id"] for job in jobs]),
        "incidents": shown_by(connection, [job["log_id"] for job in jobs]),
        **_derived(connection, loads),
        "before": _before(connection, jobs[0]),
    }


def in_words(settings: Settings, facts: Mapping[str, Any]) -> list[str]:
    """What `explain` returns, as sentences: jobs, then files, then the comparison with the load before."""
    lines = [f"Cycle {facts['cycle_id']} of feed {facts['feed']}."]
    lines += [sentence for job in facts["jobs"] for sentence in _job_in_words(settings, job)]
    unit = "file" if facts["landing_files"] else "partition"
    lines += [_archive_in_words(settings, archive, unit) for archive in facts["archives"]]
    if names := facts["landing_files"]:
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        lines.append(f"Landing files: {', '.join(names[:10])}{more}.")
        if moved := facts["landing_moved_to"]:
            lines.append(f"  Moved to: {', '.join(moved[:10])}{more}.")
    if facts["scores"]:
        scores = ", ".join(f"{score:.1f}" for score in facts["scores"])
        lines.append(f"Quality: {scores} of 100; {facts['anomalies']:,} anomalies.")
    if facts["rejected"]:
        lines.append("Rejected: " + ", ".join(f"{rows} {reason}" for reason, rows in facts["rejected"].items()) + ".")
    read = sum(job["records_read"] for job in facts["jobs"] if job["job_name"] == Job.LOAD)
    lines += [f"  {Cause(**cause).sentence(read)}" for cause in facts["causes"]]
    lines += [_set_aside_in_words(row) for row in facts["set_aside"]]
    log_ids = {job["log_id"] for job in facts["jobs"]}
    lines += [_incident_in_words(incident, log_ids) for incident in facts["incidents"]]
    if table := facts["table"]:
        lines.append(f"Nothing was loaded; the table {table['name']} {holds(table['rows'])} now.")
    lines.append(_compared(facts))
    return lines


def _contract(settings: Settings, feed: str) -> Contract | None:
    """The feed's contract as it is now; None where it is gone, or not valid."""
    try:
        return load_contract(feed, settings)
    except ConfigurationError:
        return None


def _table(connection: Connection, contract: Contract | None, jobs: Sequence[Row]) -> dict[str, Any] | None:
    """What is in the feed's table, where the cycle's load has added and replaced nothing in it."""
    loads = [job for job in jobs if job["job_name"] == Job.LOAD and job["status"] == Status.SUCCESS]
    if contract is None or not loads or any(job["records_processed"] for job in loads):
        return None
    if contract.on_conflict == "keepLast" and any(job["records_conflicting"] for job in loads):
        return None
    return {"name": contract.table, "rows": rows_in(connection, contract.table)}


def _derived(connection: Connection, loads: Sequence[int]) -> dict[str, Any]:
    """The quality scores of the loads, and the number of anomalies."""
    scores = select(etl_quality_score.c.score).where(etl_quality_score.c.log_id.in_(loads))
    anomalies = select(func.count()).where(etl_anomaly.c.log_id.in_(loads))
    return {"scores": list(connection.scalars(scores)), "anomalies": connection.scalar(anomalies) or 0}


def _reasons(connection: Connection, loads: Sequence[int]) -> dict[str, int]:
    rows = func.count().label("rows")
    query = (
        select(etl_rejected_row.c.reason, rows)
        .where(etl_rejected_row.c.log_id.in_(loads))
        .group_by(etl_rejected_row.c.reason)
        .order_by(rows.desc())
    )
    return {row.reason: row.rows for row in connection.execute(query)}


def _set_aside(connection: Connection, jobs: Sequence[int]) -> list[dict[str, Any]]:
    """The items that the cycle's jobs could not process, and what has become of them since."""
    names = ("kind", "name", "status", "attempts", "cause", "decided_at")
    query = select(*(etl_set_aside.c[name] for name in names)).where(etl_set_aside.c.log_id.in_(jobs))
    return [dict(row) for row in connection.execute(query.order_by(etl_set_aside.c.set_aside_id)).mappings()]


def _set_aside_in_words(row: Row) -> str:
    since = {
        FAILING: "failed; the next job tries it again",
        SET_ASIDE: "is set aside (`python -m etl quarantine list --files`)",
        RETRIED: "was set aside, and is tried again",
        RESOLVED: "failed, and has been processed since",
    }[row["status"]]
    kind = {LANDING_FILE: "landing file"}.get(row["kind"], row["kind"])
    return f"The {kind} {row['name']} {since}: {row['cause'].splitlines()[0]}"


def _incident_in_words(incident: Row, log_ids: Container[int]) -> str:
    """What a cycle had to do with an incident.

    :param log_ids: the cycle's jobs.
    """
    what = f"{incident['kind']} ({incident['key']})" if incident["key"] else incident["kind"]
    cause = incident["cause"]
    if incident["opened_by"] not in log_ids:
        return f"Incident resolved: {what}, open since {moment(incident['opened_at'])}. It was: {cause}"
    if incident["resolved_at"] is None:
        return f"Incident opened: {what}, still open. {cause}"
    return f"Incident opened: {what}, resolved at {moment(incident['resolved_at'])}. {cause}"


def _before(connection: Connection, first: Row) -> dict[str, Any] | None:
    """The last successful load of the feed before this cycle that read any rows."""
    query = (
        select(etl_log)
        .where(
            etl_log.c.feed == first["feed"],
            etl_log.c.job_name == Job.LOAD,
            etl_log.c.status == Status.SUCCESS,
            etl_log.c.records_read > 0,
            etl_log.c.log_id < first["log_id"],
        )
        .order_by(etl_log.c.log_id.desc())
        .limit(1)
    )
    load = connection.execute(query).mappings().first()
    return dict(load) if load else None


def _job_in_words(settings: Settings, job: Row) -> list[str]:
    read, processed = f"{job['records_read']:,}", f"{job['records_processed']:,}"
    rejected, duplicate = f"{job['records_rejected']:,}", f"{job['records_duplicate']:,}"
    not_loaded = f"{rejected} rejected and {duplicate} duplicate"
    if conflicting := job["records_conflicting"]:
        not_loaded = f"{rejected} rejected, {duplicate} duplicate and {conflicting:,} conflicting"
    did = {
        Job.PRODUCE: f"{processed} of {read} messages were acknowledged, {rejected} failed",
        Job.CONSUME: f"{read} messages were read, {processed} parsed and {rejected} unparsable",
        Job.MERGE: f"{processed} rows were archived",
        Job.LOAD: f"{read} rows were read, {processed} loaded, {not_loaded}",
    }[job["job_name"]]
    seconds = "" if job["duration_seconds"] is None else f" after {job['duration_seconds']:.1f} s"
    lines = [f"{job['job_name']} ended {job['status']}{seconds}: {did}."]
    if job["undone_at"]:
        lines.append(f"  It was undone at {moment(job['undone_at'])}.")
    if job["error_message"]:
        lines.append(f"  {job['error_type']}: {job['error_message']}")
    if job["records_late"]:
        lines.append(f"  Late: {job['records_late']:,} rows.")
    lines += [
        f"  {name.replace('_', ' ').capitalize()}: {_note_in_words(value)}."
        for name, value in (job["notes"] or {}).items()
    ]
    if job["notebook"]:
        # Of a job that was run by hand it is the committed notebook, which is not below ETL_HOME.
        executed = job["notebook"].startswith(f"{settings.output.name}/")
        there = " (no longer there)" if executed and not (settings.home / job["notebook"]).exists() else ""
        lines.append(f"  Notebook: {job['notebook']}{there}")
    return lines


def _note_in_words(value: Any) -> str:
    if not isinstance(value, dict | list):
        return str(value)
    parts = [f"{key} ({inner})" for key, inner in value.items()] if isinstance(value, dict) else [*map(str, value)]
    more = f" and {len(parts) - _NOTES_SHOWN:,} more" if len(parts) > _NOTES_SHOWN else ""
    return ", ".join(parts[:_NOTES_SHOWN]) + more


def _archive_in_words(settings: Settings, archive: Row, unit: str) -> str:
    place = "lines" if unit == "file" else "offsets"
    ranges = ", ".join(
        f"{unit} {part} {place} {offsets['first']} to {offsets['next'] - 1}"
        for part, offsets in sorted(archive["offset_ranges"].items())
    )
    content = ArchiveFile(manifests.feed_backup(settings, archive["feed"]), archive["file_name"]).content
    path = content.relative_to(settings.home).as_posix()
    kept = "; manifest beside it" if content.exists() else " (no longer there)"
    if archive["moved_to"] and not content.exists():
        path, kept = (
            archive["moved_to"],
            f"; moved there at {moment(archive['moved_at'])}, manifest beside it",
        )
    return f"Archive: {path}, {archive['rows']:,} rows of {archive['source_name']}: {ranges}{kept}."


def _compared(facts: Mapping[str, Any]) -> str:
    before = facts["before"]
    loads = [job for job in facts["jobs"] if job["job_name"] == Job.LOAD and job["status"] == Status.SUCCESS]
    if before is None or not loads:
        return "There is no earlier load to compare it with." if before is None else "It loaded nothing to compare."
    read, rejected = (sum(job[name] for job in loads) for name in ("records_read", "records_rejected"))
    share, share_before = (
        100 * bad / rows if rows else 0.0
        for bad, rows in ((rejected, read), (before["records_rejected"], before["records_read"]))
    )
    return (
        f"Compared with cycle {before['cycle_id']}: {read - before['records_read']:+,} rows read;"
        f" {share:.1f} % rejected, {share_before:.1f} % then."
    )
