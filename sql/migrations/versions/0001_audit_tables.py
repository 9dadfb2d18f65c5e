"""The audit log, the ledger of archives, the sources of rows and the quarantine."""

import sqlalchemy as sa
from alembic import op

from etl.database import DOUBLE, MOMENT, text_of

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "etl_log",
        sa.Column("log_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("cycle_id", text_of(64), nullable=False),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("job_name", text_of(16), nullable=False, comment="produce, consume, merge or load"),
        sa.Column("status", text_of(16), nullable=False, comment="RUNNING, SUCCESS or FAILED"),
        sa.Column("start_time", MOMENT, nullable=False),
        sa.Column("end_time", MOMENT),
        sa.Column("duration_seconds", DOUBLE),
        sa.Column("records_read", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("records_processed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("records_rejected", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("records_duplicate", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("records_late", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("error_type", text_of(128)),
        sa.Column("error_message", text_of(2000), comment="no row data and no secret"),
        sa.Column("notebook", text_of(400), comment="the executed notebook, relative to ETL_HOME"),
        sa.Column("notebook_sha256", text_of(64), comment="of the notebook as committed, before it ran"),
        sa.Column("parameters", sa.JSON),
        sa.Column("host", text_of(255)),
        sa.Column("pid", sa.Integer),
        sa.Column("heartbeat_at", MOMENT),
        sa.Column("code_version", text_of(64)),
        comment="One row per job of a cycle",
    )
    op.create_index("ix_etl_log_start_time", "etl_log", ["start_time"])
    op.create_index("ix_etl_log_cycle_id", "etl_log", ["cycle_id"])
    op.create_index("ix_etl_log_feed_status", "etl_log", ["feed", "status"])

    op.create_table(
        "etl_source",
        sa.Column("source_id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("name", text_of(400), nullable=False, comment="topic or file name"),
        sa.Column("identity", text_of(128), nullable=False, comment="topic id or SHA-256 of the file"),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.UniqueConstraint("feed", "name", "identity", name="uq_etl_source"),
        comment="Where rows came from, once, instead of long texts in every row",
    )

    op.create_table(
        "etl_file",
        sa.Column("file_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("file_name", text_of(400), nullable=False),
        sa.Column("sha256", text_of(64), nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("offset_ranges", sa.JSON, nullable=False, comment="per partition: first, next, rows"),
        sa.Column("archived_at", MOMENT, nullable=False),
        sa.Column("loaded_at", MOMENT, nullable=False),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("source_id", "sha256", name="uq_etl_file"),
        comment="The ledger: every archive that was loaded, exactly once",
    )
    op.create_index("ix_etl_file_feed", "etl_file", ["feed", "file_name"])

    op.create_table(
        "etl_rejected_row",
        sa.Column("rejected_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sa.Column("feed", text_of(64), nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_offset", sa.BigInteger, nullable=False),
        sa.Column("source_item", sa.Integer, nullable=False),
        sa.Column(
            "raw",
            text_of(None),
            nullable=False,
            comment=r"the message; \x… are its bytes where it is no text, \null a null",
        ),
        sa.Column("raw_rebuilt", sa.Boolean, nullable=False, comment="made from the columns, not the message itself"),
        sa.Column("reason", text_of(32), nullable=False),
        sa.Column("problems", sa.JSON, nullable=False, comment="every column, value and rule that failed"),
        sa.Column("status", text_of(16), nullable=False, server_default="QUARANTINED"),
        sa.Column("replayed_by", sa.BigInteger),
        sa.UniqueConstraint(
            "source_id", "source_partition", "source_offset", "source_item", name="uq_etl_rejected_row"
        ),
        comment="Quarantine: every rejected row with its text and why",
    )
    op.create_index("ix_etl_rejected_row_log_id", "etl_rejected_row", ["log_id"])
    op.create_index("ix_etl_rejected_row_feed_status", "etl_rejected_row", ["feed", "status", "reason"])
