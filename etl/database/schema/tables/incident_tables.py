"""The tables of incidents: what went wrong and is over or not, whom to tell, and which schedules are expected to run."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, UniqueConstraint, text

from etl.database import MOMENT, text_of
from etl.database.schema.tables.audit_tables import metadata, only

FEED_LENGTH = 64
KEY_LENGTH = 300

etl_incident = Table(
    "etl_incident",
    metadata,
    Column("incident_id", BigInteger, Identity(), primary_key=True),
    Column("kind", text_of(32), nullable=False, comment="docs/alerts.md lists the kinds"),
    Column("feed", text_of(FEED_LENGTH), nullable=False),
    Column("key", text_of(KEY_LENGTH), nullable=False, server_default="", comment="job, sensor or item it is about"),
    Column("severity", text_of(16), nullable=False, comment="error or warning"),
    Column("cause", text_of(2000), nullable=False, comment="no row data and no secret"),
    Column("remedy", text_of(2000), nullable=False, server_default=""),
    Column("cycle_id", text_of(64), comment="of the job that opened it"),
    Column("job_name", text_of(16)),
    Column("notebook", text_of(400), comment="the executed notebook, relative to ETL_HOME"),
    Column("opened_at", MOMENT, nullable=False),
    Column("opened_by", BigInteger, comment="the log_id of that job"),
    Column("last_seen_at", MOMENT, nullable=False),
    Column("times_seen", Integer, nullable=False, server_default=text("1")),
    Column("resolved_at", MOMENT),
    Column("resolved_by", BigInteger, comment="the log_id of the job that showed that it is over"),
    Index("uq_etl_incident_open", "feed", "kind", "key", unique=True, **only("resolved_at IS NULL")),
    Index("ix_etl_incident_key", "feed", "kind", "key", "resolved_at"),
    Index("ix_etl_incident_opened_at", "opened_at"),
    Index("ix_etl_incident_opened_by", "opened_by"),
    Index("ix_etl_incident_resolved_by", "resolved_by"),
    comment="What went wrong: at most one that is open per feed, kind and key",
)

etl_alert = Table(
    "etl_alert",
    metadata,
    Column("alert_id", BigInteger, Identity(), primary_key=True),
    Column("incident_id", BigInteger, nullable=False),
    Column("event", text_of(16), nullable=False, comment="opened or resolved"),
    Column("receiver", text_of(300), nullable=False, comment="without login and path"),
    Column("status", text_of(16), nullable=False, server_default="WAITING", comment="WAITING, SENT, MUTED or DROPPED"),
    Column("created_at", MOMENT, nullable=False),
    Column("next_attempt_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("sent_at", MOMENT),
    Column("last_error", text_of(500), comment="no secret"),
    UniqueConstraint("incident_id", "event", "receiver", name="uq_etl_alert"),
    Index("ix_etl_alert_waiting", "receiver", "alert_id", **only("status = 'WAITING'")),
    comment="The outbox: who is to be told that an incident was opened or resolved",
)

etl_alert_mute = Table(
    "etl_alert_mute",
    metadata,
    Column("mute_id", BigInteger, Identity(), primary_key=True),
    Column("kind", text_of(32), nullable=False, comment="of the incidents nobody is told of"),
    Column("feed", text_of(FEED_LENGTH), nullable=False, server_default="", comment="empty: every feed"),
    Column("until", MOMENT, nullable=False),
    Column("muted_by", text_of(128), nullable=False),
    Column("created_at", MOMENT, nullable=False),
    comment="Kinds of incidents of which nobody is told for a while",
)

etl_schedule = Table(
    "etl_schedule",
    metadata,
    Column("feed", text_of(FEED_LENGTH), primary_key=True),
    Column("every", text_of(64), nullable=False, comment="interval or cron expression"),
    Column("since", MOMENT, nullable=False),
    Column("last_cycle_at", MOMENT, comment="when its last cycle ended"),
    Column("silent_after", MOMENT, nullable=False, comment="the third time at which a cycle is due"),
    Column("host", text_of(255), nullable=False),
    Column("pid", Integer, nullable=False),
    comment="Schedules that ought to run now; one that is stopped removes its rows",
)
