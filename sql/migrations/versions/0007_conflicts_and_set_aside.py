"""Rows that differ from an earlier one with the same key, counted apart; files that jobs could not process."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT, text_of

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# They show the new column; the next `init` or load makes them again.
_CHANGED_VIEWS = ("v_etl_cycles", "v_etl_jobs", "v_etl_quality", "v_etl_choices")


def upgrade() -> None:
    for view in _CHANGED_VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {view}")
    op.add_column(
        "etl_log",
        sa.Column(
            "records_conflicting",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="same key as an earlier row, other values",
        ),
    )
    op.create_table(
        "etl_set_aside",
        sa.Column("set_aside_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("kind", text_of(16), nullable=False, comment="landing, batch or archive"),
        sa.Column("name", text_of(400), nullable=False, comment="of the file or folder"),
        sa.Column("status", text_of(16), nullable=False, comment="FAILING, SET_ASIDE, RETRIED or RESOLVED"),
        sa.Column("attempts", sa.Integer, nullable=False, comment="failed ones in a row"),
        sa.Column("cause", text_of(2000), nullable=False, comment="no row data and no secret"),
        sa.Column("first_failed_at", MOMENT, nullable=False),
        sa.Column("last_failed_at", MOMENT, nullable=False),
        sa.Column("set_aside_at", MOMENT),
        sa.Column("log_id", sa.BigInteger, nullable=False, comment="the job that failed last, or set it aside"),
        sa.Column("decided_at", MOMENT, comment="when it was retried, or turned out well"),
        sa.PrimaryKeyConstraint("set_aside_id", name="etl_set_aside_pkey"),
        sa.UniqueConstraint("feed", "kind", "name", name="uq_etl_set_aside"),
        comment="Files that a job could not process, with the cause",
    )
