"""The state of services, and per feed its backlog, incidents and last cycle. Reads only, and works while services are down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, select

from etl.audit import log_rows
from etl.audit.incidents.reading import open_incidents
from etl.audit.set_aside import count_per_feed
from etl.audit.states import Job, Status
from etl.contract.reader import Contract
from etl.database import dispose, make_engine, shown_url, transaction
from etl.database.schema.migrations import require_current
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import EtlError
from etl.jobs.load.queue import waiting_archives
from etl.operations.schedules.state import schedules
from etl.operations.sources import STATES
from etl.settings import Settings
from etl.storage import kafka as broker
from etl.storage import manifests


def status(settings: Settings, contracts: Mapping[str, Contract]) -> dict[str, Any]:
    """Services, schedules, and per feed its backlog, open incidents and last cycle. What cannot be determined is None."""
    kafka = _kafka(settings)
    with _Database(settings) as database:
        feeds = {
            name: {
                "source": contract.source.name,
                "table": contract.table,
                "backlog": _backlog(settings, contract, database, reachable=kafka["reachable"]),
                "set_aside": database.set_aside(name),
                "incidents": database.incidents(name),
                "last_cycle": database.last_cycle(name),
            }
            for name, contract in contracts.items()
        }
        return {
            "home": str(settings.home),
            "services": {"kafka": kafka, "database": database.described},
            "feeds": feeds,
            "schedules": [asdict(state) for state in schedules(settings)],
        }


def _kafka(settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = {"embedded": settings.kafka_is_embedded, "bootstrap": None, "reachable": False}
    try:
        described["bootstrap"] = settings.kafka()
        with broker.admin(settings) as client:
            client.list_topics()
        described["reachable"] = True
    except EtlError as error:
        described["error"] = error.cause
    return described


class _Database:
    """The database, or the reason why it cannot be queried."""

    def __init__(self, settings: Settings) -> None:
        self.described: dict[str, Any] = {"embedded": settings.database_is_embedded, "url": None, "reachable": False}
        self.engine: Engine | None = None
        try:
            self.described["url"] = shown_url(settings)
            self.engine = make_engine(settings)
            with transaction(self.engine) as connection:
                require_current(connection)
            self.described["reachable"] = True
        except EtlError as error:
            self.described["error"] = error.cause

    def __enter__(self) -> _Database:
        return self

    def __exit__(self, *_: object) -> None:
        if self.engine is not None:
            dispose(self.engine)

    @property
    def usable(self) -> Engine | None:
        return self.engine if self.described["reachable"] else None

    def set_aside(self, feed: str) -> int | None:
        """How many files, batches and archives no job could process; None where the database cannot be queried."""
        if self.usable is None:
            return None
        with transaction(self.usable) as connection:
            return count_per_feed(connection).get(feed, 0)

    def incidents(self, feed: str) -> list[dict[str, Any]] | None:
        """The incidents that are open, the oldest first; None where the database cannot be queried."""
        if self.usable is None:
            return None
        with transaction(self.usable) as connection:
            return open_incidents(connection, [feed])

    def last_cycle(self, feed: str) -> dict[str, Any] | None:
        if self.usable is None:
            return None
        with transaction(self.usable) as connection:
            return _last_cycle(connection, feed)


def _last_cycle(connection: Connection, feed: str) -> dict[str, Any] | None:
    newest = connection.scalar(
        select(etl_log.c.cycle_id).where(etl_log.c.feed == feed).order_by(etl_log.c.log_id.desc()).limit(1)
    )
    if newest is None:
        return None
    jobs = log_rows.rows_of_cycle(connection, newest)
    states = {job["job_name"]: job["status"] for job in jobs}
    overall = next((state for state in (Status.FAILED, Status.RUNNING) if state in states.values()), Status.SUCCESS)
    loaded = sum(job["records_processed"] for job in jobs if job["job_name"] == Job.LOAD)
    return {
        "cycle_id": newest,
        "status": overall,
        "jobs": states,
        "start_time": jobs[0]["start_time"],
        "end_time": jobs[-1]["end_time"],
        "records_loaded": loaded,
    }


def _backlog(settings: Settings, contract: Contract, database: _Database, *, reachable: bool) -> dict[str, int | None]:
    output = manifests.feed_output(settings, contract.feed)
    state = partial(STATES[type(contract.source)].backlog, settings, contract, contract.source, kafka_answers=reachable)
    backlog: dict[str, int | None] = {"messages": None, "files": None, "batches": None, "archives": None}
    backlog["batches"] = len(manifests.batches(output))
    if database.usable is None:
        return backlog | state(None)
    with transaction(database.usable) as connection:
        backlog["archives"] = len(waiting_archives(connection, settings, contract))
        return backlog | state(connection)
