"""For many sessions at a time: indexes along which undo, replay and quarantine find their rows and touch no others, no lock of
a whole table that feeds share, and which jobs were run by hand.
"""

import sqlalchemy as sa
from alembic import op

from etl.database import product_of
from etl.database.schema.views import view_files

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SHARED = ("etl_anomaly", "etl_file", "etl_rejected_row")
_INDEXES = (
    ("ix_etl_file_log_id", "etl_file", ["log_id"]),
    ("ix_etl_rejected_row_replayed_by", "etl_rejected_row", ["replayed_by"]),
    ("ix_etl_rejected_row_status", "etl_rejected_row", ["status", "reason"]),
    ("ix_etl_set_aside_log_id", "etl_set_aside", ["log_id"]),
)
_LOG = sa.table("etl_log", sa.column("cycle_id", sa.String), sa.column("by_hand", sa.Boolean))


def upgrade() -> None:
    product = product_of(op.get_context().dialect)
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    for table in _SHARED:
        for statement in product.sharing(table):
            op.execute(statement)
    comment = "whether its cycle was begun by hand"
    by_hand = sa.Column("by_hand", sa.Boolean, nullable=False, server_default=sa.false(), comment=comment)
    op.add_column("etl_log", by_hand)
    op.execute(sa.update(_LOG).where(_LOG.c.cycle_id.like("%-hand")).values(by_hand=sa.true()))
    columns, mine, of_sql_server = ["feed", "log_id"], sa.text("by_hand"), sa.text("by_hand = 1")
    op.create_index("ix_etl_log_by_hand", "etl_log", columns, postgresql_where=mine, mssql_where=of_sql_server)
    # Where texts have a collation, or counts a type of their own, views say so now; the next `init` or load makes them again.
    for file in view_files(product.name):
        if any(word in file.read_text("utf-8") for word in ("COLLATE", "COUNT_BIG")):
            op.execute(f"DROP VIEW IF EXISTS {file.stem}")
