"""Metrics of feeds: whether their data is fresh and good, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, Row, Select, func, select

from etl.audit.incidents.finding import Kind
from etl.audit.set_aside import count_per_feed
from etl.contract.reader import Contract
from etl.database.schema.tables.audit_tables import etl_feed, etl_quality_score, etl_rejected_row
from etl.database.schema.tables.incident_tables import etl_incident
from etl.operations.quarantine.rows import QUARANTINED
from etl.operations.schedules.expected import read_expected

Numbers = Mapping[str, float]
"""A number for each of some feeds."""


def feed_metrics(
    connection: Connection, jobs: Sequence[Row[Any]], contracts: Mapping[str, Contract], unread: Numbers
) -> list[Metric]:
    """:param jobs: as `etl.operations.metrics.jobs` reads them.
    :param contracts: of feeds whose cycles another scheduler starts (`cycleEvery`).
    :param unread: messages that wait, by feed.
    """
    limits = _numbers(connection, select(etl_feed.c.feed, etl_feed.c.freshness_seconds))
    feeds = sorted({*(row.feed for row in jobs), *connection.scalars(select(etl_feed.c.feed))})
    score = "Quality score of the newest load, from 0 to 100."
    waiting = "Rejected rows that nobody has replayed or discarded."
    silent = {feed: float(found is not None) for feed, found in read_expected(connection, contracts).items()}
    return [
        _gauge("etl_freshness_seconds", "How old the newest reading is that was loaded.", _ages(jobs)),
        _gauge("etl_freshness_limit_seconds", "How old it may be by the contract.", limits),
        _gauge("etl_quality_score", score, _scores(connection)),
        _open_incidents(connection, feeds),
        _gauge("etl_set_aside_items", "Files that no job could process.", _of_all(feeds, count_per_feed(connection))),
        _gauge("etl_quarantined_rows", waiting, _of_all(feeds, _quarantined(connection))),
        _gauge("etl_schedule_silent", "Whether cycles of a feed are expected and do not come: 1, otherwise 0.", silent),
        _gauge("etl_backlog_messages", "Messages that nobody has read; missing if Kafka does not answer.", unread),
    ]


def _gauge(name: str, text: str, numbers: Numbers) -> Metric:
    family = GaugeMetricFamily(name, text, labels=("feed",))
    for feed, number in sorted(numbers.items()):
        family.add_metric([feed], number)
    return family


def _of_all(feeds: Iterable[str], numbers: Numbers) -> Numbers:
    """The same with a 0 for other feeds, which tells nothing from nothing known."""
    return {**dict.fromkeys(feeds, 0), **numbers}


def _numbers(connection: Connection, query: Select[str, Any]) -> Numbers:
    """The numbers that a query gives for feeds, without those that are NULL."""
    return {feed: float(number) for feed, number in connection.execute(query) if number is not None}


def _ages(jobs: Sequence[Row[Any]]) -> Numbers:
    now = datetime.now(UTC)
    newest: dict[str, datetime] = {}
    for row in jobs:
        if row.last_event_time is not None:
            newest[row.feed] = max(row.last_event_time, newest.get(row.feed, row.last_event_time))
    return {feed: (now - time).total_seconds() for feed, time in newest.items()}


def _scores(connection: Connection) -> Numbers:
    score = etl_quality_score.c
    newest = select(func.max(score.log_id)).group_by(score.feed)
    return _numbers(connection, select(score.feed, score.score).where(score.log_id.in_(newest)))


def _quarantined(connection: Connection) -> Numbers:
    row = etl_rejected_row.c
    return _numbers(connection, select(row.feed, func.count()).where(row.status == QUARANTINED).group_by(row.feed))


def _open_incidents(connection: Connection, feeds: Iterable[str]) -> Metric:
    incident = etl_incident.c
    query = (
        select(incident.feed, incident.kind, func.count())
        .where(incident.resolved_at.is_(None))
        .group_by(incident.feed, incident.kind)
    )
    numbers = {(feed, kind.value): 0 for feed in feeds for kind in Kind}
    numbers |= {(feed, kind): number for feed, kind, number in connection.execute(query)}
    family = GaugeMetricFamily("etl_open_incidents", "Incidents that are not over.", labels=("feed", "kind"))
    for labels, number in sorted(numbers.items()):
        family.add_metric(labels, number)
    return family
