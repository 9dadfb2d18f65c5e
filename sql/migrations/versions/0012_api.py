"""The tokens of the API, and the SHA-256 of executed notebooks."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT, text_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "etl_log",
        sa.Column("executed_sha256", text_of(64), comment="of the executed copy, when its cycle ended"),
    )
    op.create_table(
        "etl_api_token",
        sa.Column("token_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("name", text_of(128), nullable=False),
        sa.Column("sha256", text_of(64), nullable=False, comment="of the token, which is kept nowhere"),
        sa.Column("scopes", text_of(64), nullable=False, comment="read, or read raw"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", text_of(128), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT, comment="to the minute"),
        sa.PrimaryKeyConstraint("token_id", name="etl_api_token_pkey"),
        sa.UniqueConstraint("sha256", name="uq_etl_api_token"),
        comment="Who may ask the API, and for what",
    )
