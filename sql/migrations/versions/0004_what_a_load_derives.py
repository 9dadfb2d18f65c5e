"""What a load finds out: quality, anomalies, lateness, columns that grew; landing files in the ledger."""

import sqlalchemy as sa
from alembic import op

from etl.database import DOUBLE, MOMENT, text_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("etl_log", sa.Column("notes", sa.JSON, comment="what a reader should know beyond the numbers"))
    op.add_column("etl_log", sa.Column("last_event_time", MOMENT, comment="of the readings that a load brought"))
    op.create_index("ix_etl_log_watermark", "etl_log", ["feed", "last_event_time"])
    op.add_column("etl_source", sa.Column("header", sa.JSON, comment="of a CSV file: the names of its columns"))
    op.add_column(
        "etl_file",
        sa.Column("kind", text_of(16), nullable=False, server_default="archive", comment="archive or landing"),
    )
    op.create_table(
        "etl_feed",
        sa.Column("feed", text_of(64), primary_key=True),
        sa.Column("table_name", text_of(64), nullable=False),
        sa.Column("source", text_of(400), nullable=False, comment="topic or landing folder"),
        sa.Column("sensors", sa.Integer, comment="how many ought to report"),
        sa.Column("interval_seconds", DOUBLE, comment="and how often"),
        sa.Column("freshness_seconds", DOUBLE, comment="how old the newest reading may be"),
        sa.Column("description", text_of(400)),
        comment="What the contracts promise, for dashboards",
    )
    op.create_table(
        "etl_column",
        sa.Column("feed", text_of(64), primary_key=True),
        sa.Column("column_name", text_of(64), primary_key=True),
        sa.Column("type", text_of(16), nullable=False),
        sa.Column("path", sa.JSON, nullable=False, comment="where its values stand in a message or file"),
        sa.Column("log_id", sa.BigInteger, nullable=False, comment="the load that took it up"),
        sa.Column("added_at", MOMENT, nullable=False),
        comment="Columns that a feed gained beyond its contract",
    )
    op.create_table(
        "etl_quality",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", text_of(128), primary_key=True),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("dimension", text_of(16), nullable=False),
        sa.Column("checked", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        comment="Per load and rule, how many values were checked and how many failed",
    )
    op.create_table(
        "etl_quality_score",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("score", DOUBLE, nullable=False, comment="0 to 100; docs/quality.md"),
        sa.Column("completeness", DOUBLE, nullable=False),
        sa.Column("validity", DOUBLE, nullable=False),
        sa.Column("uniqueness", DOUBLE, nullable=False),
        sa.Column("timeliness", DOUBLE, nullable=False),
        sa.Column("age_seconds", DOUBLE, comment="of the newest reading, when it was loaded"),
        sa.Column("sensors_expected", sa.Integer),
        sa.Column("sensors_seen", sa.Integer),
        sa.Column("readings_expected", sa.BigInteger),
        sa.Column("readings_seen", sa.BigInteger),
        comment="One score per load, with its components",
    )
    op.create_table(
        "etl_anomaly",
        sa.Column("anomaly_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("sensor", text_of(200), nullable=False),
        sa.Column("measure", text_of(64), nullable=False),
        sa.Column("event_time", MOMENT, nullable=False),
        sa.Column("value", DOUBLE),
        sa.Column("expected_low", DOUBLE),
        sa.Column("expected_high", DOUBLE),
        sa.Column("score", DOUBLE, nullable=False),
        sa.Column("kind", text_of(16), nullable=False, comment="outlier, stuck or gap"),
        comment="Readings that do not fit what their sensor sent before",
    )
    op.create_index("ix_etl_anomaly_log_id", "etl_anomaly", ["log_id"])
    op.create_index("ix_etl_anomaly_feed_time", "etl_anomaly", ["feed", "event_time"])
    op.create_index("ix_etl_file_sha256", "etl_file", ["sha256"])
    # Alembic leaves out comments of new tables and columns by itself where there are none, and not these.
    if op.get_context().dialect.supports_comments:
        # SQL Server adds a comment only where there is none.
        op.drop_table_comment("etl_file", existing_comment="The ledger: every archive that was loaded, exactly once")
        op.create_table_comment("etl_file", "The ledger: every archive and landing file that was loaded, exactly once")
