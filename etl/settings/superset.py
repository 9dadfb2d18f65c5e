"""The settings of the dashboards."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class SupersetSettings(BaseSettings):
    """What `Settings` has for Superset."""

    superset_database_url: SecretStr | None = Field(
        None, description="URL of your own database for the dashboards, with a role that can only read"
    )
    superset_metadata_url: SecretStr | None = Field(
        None, description="URL of your own PostgreSQL database for Superset's metadata, which Superset's role owns"
    )
    superset_admin_password: SecretStr | None = Field(
        None, description="password of the dashboards' user admin; without it one is generated"
    )
    superset_venv: Path | None = Field(
        None, description="folder of Superset's virtual environment (default: ETL_HOME/.services/superset/venv)"
    )

    @field_validator("superset_database_url", "superset_metadata_url", "superset_admin_password", mode="before")
    @classmethod
    def _superset_empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value
