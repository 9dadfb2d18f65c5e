"""Where the read API is, so that views lead to executed notebooks."""

import sqlalchemy as sa
from alembic import op

from etl.database import text_of

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "etl_setting",
        sa.Column("name", text_of(64), nullable=False),
        sa.Column("value", text_of(400), nullable=False, comment="no secret"),
        sa.PrimaryKeyConstraint("name", name="etl_setting_pkey"),
        comment="Settings that views need: api_url, the address of the read API",
    )
    # They have more columns now; the next `init` or load makes them again.
    for view in ("v_etl_choices", "v_etl_cycles", "v_etl_failures"):
        op.execute(f"DROP VIEW IF EXISTS {view}")
