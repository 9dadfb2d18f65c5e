"""Incidents, whom to tell of them, and schedules that are expected to run."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT, text_of

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _incidents()
    _alerts()
    op.create_table(
        "etl_schedule",
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("every", text_of(64), nullable=False, comment="interval or cron expression"),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("last_cycle_at", MOMENT, comment="when its last cycle ended"),
        sa.Column("silent_after", MOMENT, nullable=False, comment="the third time at which a cycle is due"),
        sa.Column("host", text_of(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("feed", name="etl_schedule_pkey"),
        comment="Schedules that ought to run now; one that is stopped removes its rows",
    )


def _incidents() -> None:
    op.create_table(
        "etl_incident",
        sa.Column("incident_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("kind", text_of(32), nullable=False, comment="docs/alerts.md lists the kinds"),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("key", text_of(300), nullable=False, server_default="", comment="job, sensor or item it is about"),
        sa.Column("severity", text_of(16), nullable=False, comment="error or warning"),
        sa.Column("cause", text_of(2000), nullable=False, comment="no row data and no secret"),
        sa.Column("remedy", text_of(2000), nullable=False, server_default=""),
        sa.Column("cycle_id", text_of(64), comment="of the job that opened it"),
        sa.Column("job_name", text_of(16)),
        sa.Column("notebook", text_of(400), comment="the executed notebook, relative to ETL_HOME"),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("opened_by", sa.BigInteger, comment="the log_id of that job"),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("times_seen", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("resolved_at", MOMENT),
        sa.Column("resolved_by", sa.BigInteger, comment="the log_id of the job that showed that it is over"),
        sa.PrimaryKeyConstraint("incident_id", name="etl_incident_pkey"),
        comment="What went wrong: at most one that is open per feed, kind and key",
    )
    is_open = sa.text("resolved_at IS NULL")
    key = ["feed", "kind", "key"]
    op.create_index(
        "uq_etl_incident_open", "etl_incident", key, unique=True, postgresql_where=is_open, mssql_where=is_open
    )
    op.create_index("ix_etl_incident_key", "etl_incident", [*key, "resolved_at"])
    for column in ("opened_at", "opened_by", "resolved_by"):
        op.create_index(f"ix_etl_incident_{column}", "etl_incident", [column])


def _alerts() -> None:
    op.create_table(
        "etl_alert",
        sa.Column("alert_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("incident_id", sa.BigInteger, nullable=False),
        sa.Column("event", text_of(16), nullable=False, comment="opened or resolved"),
        sa.Column("receiver", text_of(300), nullable=False, comment="without login and path"),
        sa.Column(
            "status",
            text_of(16),
            nullable=False,
            server_default="WAITING",
            comment="WAITING, SENT, MUTED or DROPPED",
        ),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("sent_at", MOMENT),
        sa.Column("last_error", text_of(500), comment="no secret"),
        sa.PrimaryKeyConstraint("alert_id", name="etl_alert_pkey"),
        sa.UniqueConstraint("incident_id", "event", "receiver", name="uq_etl_alert"),
        comment="The outbox: who is to be told that an incident was opened or resolved",
    )
    waits = sa.text("status = 'WAITING'")
    op.create_index(
        "ix_etl_alert_waiting", "etl_alert", ["receiver", "alert_id"], postgresql_where=waits, mssql_where=waits
    )
    op.create_table(
        "etl_alert_mute",
        sa.Column("mute_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("kind", text_of(32), nullable=False, comment="of the incidents nobody is told of"),
        sa.Column("feed", text_of(64), nullable=False, server_default="", comment="empty: every feed"),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("muted_by", text_of(128), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("mute_id", name="etl_alert_mute_pkey"),
        comment="Kinds of incidents of which nobody is told for a while",
    )
