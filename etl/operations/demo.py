"""Demonstration data: a cycle of simulated readings for each packaged feed that has charts and never ran.

Only on the embedded services, and only while no reading came from a file or from another producer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.database.schema.feed_table import feed_table, with_added_columns
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log
from etl.jobs.produce.default_messages import default_messages
from etl.jobs.produce.simulate import span
from etl.operations.cycle import Cycle, Reporter, run_cycle
from etl.settings import Settings

MESSAGES = {
    "sensor_readings": 10_000,
    "device_events": 8_000,
    "room_temperatures": 8_000,
    "environment_telemetry": 8_000,
}
"""The feeds that have charts, and the number of messages for each: hours of readings, seconds of work."""
_SEED = 20250615
"""With this seed every feed has outliers, late and rejected readings."""


def lacking(settings: Settings, contracts: Mapping[str, Contract]) -> list[Contract]:
    """The feeds for which `load` would run a cycle; none on your own services, or where readings are real."""
    if not (settings.database_is_embedded and settings.kafka_is_embedded):
        return []
    wanted = [contracts[feed] for feed in MESSAGES if feed in contracts]
    packaged = [contract for contract in wanted if default_messages(settings, contract).messages]
    with connected(settings, "demo") as connection:
        if _has_real_readings(connection):
            return []
        return [contract for contract in packaged if not _has_run(connection, contract)]


def load(
    settings: Settings,
    contracts: list[Contract],
    report: Reporter = lambda feed, job, event: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Cycle]:
    """Run a cycle of simulated readings for each of these feeds. The readings end now, and are otherwise always the same."""
    for contract in contracts:
        messages = MESSAGES[contract.feed]
        begin = (datetime.now(UTC) - span(contract, messages)).replace(microsecond=0, tzinfo=None)
        parameters: dict[str, Any] = {
            "messages": messages,
            "seed": _SEED,
            "start": begin.isoformat(sep=" "),
            "create_topic": True,
        }
        yield run_cycle(settings, contract, parameters, report, stopping)


def _has_run(connection: Connection, contract: Contract) -> bool:
    """Whether the feed has readings, or one of its jobs has ever begun. Then it is in use, and empty charts are correct."""
    begun = select(etl_log.c.log_id).where(etl_log.c.feed == contract.feed).limit(1)
    rows = select(feed_table(with_added_columns(connection, contract)).c.log_id).limit(1)
    return connection.execute(begun).first() is not None or connection.execute(rows).first() is not None


def _has_real_readings(connection: Connection) -> bool:
    """Whether a cycle took readings that it did not simulate: from a file, or from another producer."""
    parameters = etl_log.c.parameters
    outside = or_(
        parameters["messages"].as_integer() == 0,
        parameters["source_file"].as_string() != "",
        parameters["replay"].as_string() != "",
    )
    query = select(etl_log.c.log_id).where(etl_log.c.job_name == Job.PRODUCE, outside).limit(1)
    return connection.execute(query).first() is not None
