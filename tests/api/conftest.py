"""The API, served on the project's database."""

from tests.support.api import api

__all__ = ["api"]
