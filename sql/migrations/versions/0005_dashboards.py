"""For dashboards: how late the late rows of a load were, and indexes along which the views find single rows in a long log."""

import sqlalchemy as sa
from alembic import op

from etl.database import DOUBLE

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, comment in (
        ("lateness_mean_seconds", "of the late rows among those that were loaded"),
        ("lateness_max_seconds", None),
    ):
        op.add_column("etl_quality_score", sa.Column(name, DOUBLE, comment=comment))
    op.create_index("ix_etl_quality_score_feed", "etl_quality_score", ["feed", "log_id"])
    op.create_index("ix_etl_log_feed", "etl_log", ["feed", "log_id"])
    op.create_index("ix_etl_log_feed_job", "etl_log", ["feed", "job_name", "log_id"])
    op.create_index("ix_etl_anomaly_time", "etl_anomaly", ["event_time"])
    for index, table, column, condition in (
        ("ix_etl_log_failed", "etl_log", "start_time", "status = 'FAILED'"),
        ("ix_etl_file_undone", "etl_file", "feed", "undone_at IS NOT NULL"),
    ):
        only = sa.text(condition)
        op.create_index(index, table, [column], postgresql_where=only, mssql_where=only)
