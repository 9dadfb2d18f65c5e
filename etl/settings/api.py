"""The settings of the read API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode


class ApiSettings(BaseSettings):
    """What `Settings` has for the API."""

    api_database_url: SecretStr | None = Field(
        None, description="URL of the database for the read API, with a role that can only read"
    )
    api_url: str | None = Field(None, description="address under which others reach the API, for links to its pages")
    api_requests_per_minute: int = Field(600, ge=1, description="requests of a token that the API answers in a minute")
    api_statement_seconds: float = Field(60.0, ge=1, description="longest time for a statement of the API")
    api_cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call the API from a browser, separated by blanks"
    )

    @field_validator("api_database_url", "api_url", mode="before")
    @classmethod
    def _api_empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("api_cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("api_url", mode="after")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        """Refuse what is no address, and one with a login: it is shown in messages."""
        if value is None:
            return None
        if not value.startswith(("http://", "https://")) or "@" in value:
            raise ValueError("it is not a URL that begins with http:// or https://, without a login")
        return value.rstrip("/")
