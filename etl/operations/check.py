"""Is anything wrong? For a probe on another machine: it needs only the database, and a role that can only read will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, select

from etl.audit.incidents.finding import Finding, Kind, severity
from etl.audit.incidents.reading import open_incidents
from etl.contract.reader import Contract, contract_files, sound_contracts
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_feed
from etl.errors import ConfigurationError, EtlError
from etl.operations.alerts.background import start_sending
from etl.operations.schedules import expected
from etl.settings import Settings

_SHOWN = ("incident_id", "kind", "feed", "key", "severity", "opened_at", "cause", "remedy", "cycle_id", "notebook")


def check(settings: Settings, feeds: Sequence[str] = (), kinds: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is wrong now: open incidents and silent schedules, the oldest first; empty where all is well.

    A silent schedule becomes an incident, if the database's user may write that; otherwise it has neither `incident_id` nor
    `opened_at` here.

    :param feeds: only these; none: all.
    :param kinds: only incidents of these kinds; none: all.
    :raises ConfigurationError: the audit tables are missing, a feed is known neither here nor to the database, or there is no
        such kind.
    :raises ServiceUnavailable: the database does not answer.
    """
    _require_kinds(kinds)
    contracts = {name: rules for name, rules in sound_contracts(settings).items() if rules.alerts.cycle_every_seconds}
    with connected(settings, "check") as connection:
        _require_known(connection, settings, feeds)
        findings = expected.read_expected(connection, contracts)
        incidents = open_incidents(connection)
    silent = {row["feed"] for row in incidents if row["kind"] == Kind.SILENT_SCHEDULE}
    if any((finding is not None) != (feed in silent) for feed, finding in findings.items()):
        incidents = _record(settings, contracts) or incidents
    wrong = [row for row in incidents if not _is_over(row, findings)]
    recorded = {row["feed"] for row in wrong if row["kind"] == Kind.SILENT_SCHEDULE}
    shown = [{name: row[name] for name in _SHOWN} for row in wrong]
    shown += [_unrecorded(feed, found) for feed, found in findings.items() if found and feed not in recorded]
    return [row for row in shown if (not feeds or row["feed"] in feeds) and (not kinds or row["kind"] in kinds)]


def _record(settings: Settings, contracts: Mapping[str, Contract]) -> list[dict[str, Any]]:
    """Open and resolve the incidents of silent schedules, and have that told; returns those that are open then.

    Where the database's user may not write, nothing is done and none are returned.
    """
    incidents = []
    with suppress(EtlError):
        with connected(settings, "check") as connection:
            expected.look(connection, settings, contracts)
            incidents = open_incidents(connection)
        # No cycle does it while the schedule is dead.
        start_sending(settings)
    return incidents


def _is_over(row: Mapping[str, Any], findings: Mapping[str, Finding | None]) -> bool:
    return row["kind"] == Kind.SILENT_SCHEDULE and findings.get(row["feed"], True) is None


def _unrecorded(feed: str, finding: Finding) -> dict[str, Any]:
    kind = Kind.SILENT_SCHEDULE
    known = {"kind": kind, "feed": feed, "key": finding.key, "severity": severity(kind)}
    return dict.fromkeys(_SHOWN) | known | {"cause": finding.cause, "remedy": finding.remedy}


def _require_kinds(kinds: Sequence[str]) -> None:
    unknown = [kind for kind in kinds if kind not in list(Kind)]
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]!r} is no kind of incident.", remedy=f"These are: {', '.join(sorted(Kind))}."
        )


def _require_known(connection: Connection, settings: Settings, feeds: Sequence[str]) -> None:
    known = {*contract_files(settings), *connection.scalars(select(etl_feed.c.feed))}
    unknown = [feed for feed in feeds if feed not in known]
    if unknown:
        raise ConfigurationError(
            f"There is no feed {unknown[0]!r}.", remedy=f"Known feeds: {', '.join(sorted(known))}."
        )
