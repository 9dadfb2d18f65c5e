"""Every condition that a load looks at when it ends well."""

from __future__ import annotations

from sqlalchemy import Connection

from etl.audit.counts import Counts
from etl.audit.job import JobRun
from etl.contract.model import EvolvedContract
from etl.jobs.load.conditions import low_quality, quarantine_growth, silent_sensor, stale
from etl.jobs.load.conditions.base import Condition, LoadEnd
from etl.jobs.load.derived.lateness import newest_loaded

CONDITIONS: list[Condition] = [stale.look, low_quality.look, quarantine_growth.look, silent_sensor.look]


def look_at(
    connection: Connection, run: JobRun, contract: EvolvedContract, counts: Counts, *, has_tables: bool = True
) -> None:
    """Remember what a load shows, for `run.succeed`, which comes next in the same transaction.

    :param counts: of the whole load.
    :param has_tables: whether the feed's tables are known to exist.
    """
    # What an attempt saw that was rolled back does not count.
    run.looks.clear()
    load = LoadEnd(contract, run.log_id, counts, newest_loaded(connection, contract), has_tables)
    for look in CONDITIONS:
        if seen := look(connection, load):
            run.look(seen)
