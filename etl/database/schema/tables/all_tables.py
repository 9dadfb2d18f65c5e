"""Every table that the migrations make, in one `metadata`."""

from __future__ import annotations

from etl.database.schema.tables import api_tables, incident_tables
from etl.database.schema.tables.audit_tables import metadata

__all__ = ["api_tables", "incident_tables", "metadata"]
