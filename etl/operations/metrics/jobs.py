"""Metrics of jobs: everything that one pass over `etl_log` gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy import Connection, Row, case, func, select

from etl.audit.counts import Counts, columns_of
from etl.audit.states import Status
from etl.database.schema.tables.audit_tables import etl_log

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper limits of durations, in seconds."""
LABELS = ("feed", "job_name")
"""Not `job`: Prometheus gives this label to what it scrapes, and renames ours."""
_COLUMNS = {column.removeprefix("records_"): column for column in columns_of(Counts())}
_log = etl_log.c


def read_jobs(connection: Connection) -> Sequence[Row[Any]]:
    """A row per feed, job and status: how many jobs, the sums of their counts, and how many lasted at most each of `BUCKETS`."""
    accounted = _log.records_processed + _log.records_rejected + _log.records_duplicate + _log.records_conflicting
    query = select(
        _log.feed,
        _log.job_name,
        _log.status,
        func.count().label("jobs"),
        *(func.sum(_log[column]).label(column) for column in _COLUMNS.values()),
        func.sum(func.abs(_log.records_read - accounted)).label("unaccounted"),
        func.max(_log.end_time).label("last_end"),
        func.max(case((_log.undone_at.is_(None), _log.last_event_time))).label("last_event_time"),
        func.sum(_log.duration_seconds).label("seconds"),
        func.count(_log.duration_seconds).label("timed"),
        *(
            func.count(case((_log.duration_seconds <= limit, _log.log_id))).label(_at_most(number))
            for number, limit in enumerate(BUCKETS)
        ),
    ).group_by(_log.feed, _log.job_name, _log.status)
    return connection.execute(query).all()


def _at_most(bucket: int) -> str:
    return f"at_most_{bucket}"


def job_metrics(rows: Sequence[Row[Any]]) -> list[Metric]:
    """:param rows: as `read_jobs` gives them."""
    records = CounterMetricFamily(
        "etl_rows", "Rows or messages that jobs have counted, by what became of them.", labels=(*LABELS, "outcome")
    )
    ended = CounterMetricFamily("etl_jobs", "Jobs that have ended.", labels=(*LABELS, "status"))
    running = GaugeMetricFamily("etl_running_jobs", "Jobs that are running, as etl_log has it.", labels=LABELS)
    durations = HistogramMetricFamily("etl_job_duration_seconds", "How long the jobs took that ended.", labels=LABELS)
    last_success = GaugeMetricFamily(
        "etl_last_success_timestamp_seconds", "When the newest job that succeeded has ended.", labels=LABELS
    )
    unaccounted = GaugeMetricFamily(
        "etl_unaccounted_rows",
        "Rows that jobs which succeeded have read and neither processed nor left out for a reason. It must be 0.",
        labels=LABELS,
    )
    by_job: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_job[row.feed, row.job_name].append(row)
    for labels, of_job in sorted(by_job.items()):
        by_status = {row.status: row for row in of_job}
        for outcome, column in _COLUMNS.items():
            records.add_metric([*labels, outcome], _sum(of_job, column))
        for status in (Status.SUCCESS, Status.FAILED):
            ended.add_metric([*labels, status], by_status[status].jobs if status in by_status else 0)
        running.add_metric(labels, by_status[Status.RUNNING].jobs if Status.RUNNING in by_status else 0)
        buckets = [(str(limit), _sum(of_job, _at_most(number))) for number, limit in enumerate(BUCKETS)]
        durations.add_metric(labels, [*buckets, ("+Inf", _sum(of_job, "timed"))], _sum(of_job, "seconds"))
        if success := by_status.get(Status.SUCCESS):
            last_success.add_metric(labels, success.last_end.timestamp())
            unaccounted.add_metric(labels, float(success.unaccounted))
    return [records, ended, running, durations, last_success, unaccounted]


def _sum(rows: Sequence[Row[Any]], column: str) -> float:
    """A sum over the states of a job; jobs that are running have no duration."""
    return sum((float(row._mapping[column] or 0) for row in rows), 0.0)
