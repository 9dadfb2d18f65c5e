"""The table of the API's tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Table, UniqueConstraint

from etl.database import MOMENT, text_of
from etl.database.schema.tables.audit_tables import metadata

NAME_LENGTH = 128

etl_api_token = Table(
    "etl_api_token",
    metadata,
    Column("token_id", BigInteger, Identity(), primary_key=True),
    Column("name", text_of(NAME_LENGTH), nullable=False),
    Column("sha256", text_of(64), nullable=False, comment="of the token, which is kept nowhere"),
    Column("scopes", text_of(64), nullable=False, comment="read, or read raw"),
    Column("created_at", MOMENT, nullable=False),
    Column("created_by", text_of(NAME_LENGTH), nullable=False),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("last_used_at", MOMENT, comment="to the minute"),
    UniqueConstraint("sha256", name="uq_etl_api_token"),
    comment="Who may ask the API, and for what",
)
