"""What a load finds out: quality, anomalies, lateness, columns that grew; landing files in the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("etl_log", sa.Column("notes", sa.JSON, comment="what a reader should know beyond the numbers"))
    op.add_column("etl_log", sa.Column("last_event_time", UTC, comment="of the readings that a load brought"))
    op.create_index("ix_etl_log_watermark", "etl_log", ["feed", "last_event_time"])
    op.add_column("etl_source", sa.Column("header", sa.JSON, comment="of a CSV file: the names of its columns"))
    op.add_column(
        "etl_file",
        sa.Column("kind", sa.String(16), nullable=False, server_default="archive", comment="archive or landing"),
    )
    op.create_table(
        "etl_feed",
        sa.Column("feed", sa.String(64), primary_key=True),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(400), nullable=False, comment="topic or landing folder"),
        sa.Column("sensors", sa.Integer, comment="how many ought to report"),
        sa.Column("interval_seconds", sa.Double, comment="and how often"),
        sa.Column("freshness_seconds", sa.Double, comment="how old the newest reading may be"),
        sa.Column("description", sa.String(400)),
        comment="What the contracts promise, for dashboards",
    )
    op.create_table(
        "etl_column",
        sa.Column("feed", sa.String(64), primary_key=True),
        sa.Column("column_name", sa.String(64), primary_key=True),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("path", sa.JSON, nullable=False, comment="where its values stand in a message or file"),
        sa.Column("log_id", sa.BigInteger, nullable=False, comment="the load that took it up"),
        sa.Column("added_at", UTC, nullable=False),
        comment="Columns that a feed gained beyond its contract",
    )
    op.create_table(
        "etl_quality",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(128), primary_key=True),
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("dimension", sa.String(16), nullable=False),
        sa.Column("checked", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        comment="Per load and rule, how many values were checked and how many failed",
    )
    op.create_table(
        "etl_quality_score",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("score", sa.Double, nullable=False, comment="0 to 100; docs/quality.md"),
        sa.Column("completeness", sa.Double, nullable=False),
        sa.Column("validity", sa.Double, nullable=False),
        sa.Column("uniqueness", sa.Double, nullable=False),
        sa.Column("timeliness", sa.Double, nullable=False),
        sa.Column("age_seconds", sa.Double, comment="of the newest reading, when it was loaded"),
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
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("sensor", sa.String(200), nullable=False),
        sa.Column("measure", sa.String(64), nullable=False),
        sa.Column("event_time", UTC, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("expected_low", sa.Double),
        sa.Column("expected_high", sa.Double),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="outlier, stuck or gap"),
        comment="Readings that do not fit what their sensor sent before",
    )
    op.create_index("ix_etl_anomaly_log_id", "etl_anomaly", ["log_id"])
    op.create_index("ix_etl_anomaly_feed_time", "etl_anomaly", ["feed", "event_time"])
    op.create_index("ix_etl_file_sha256", "etl_file", ["sha256"])
    op.create_table_comment(
        "etl_file",
        "The ledger: every archive and landing file that was loaded, exactly once",
        existing_comment="The ledger: every archive that was loaded, exactly once",
    )
