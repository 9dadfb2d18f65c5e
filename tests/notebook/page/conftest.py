"""A database that understands T-SQL."""

from tests.support.tsqlfeed import engine

__all__ = ["engine"]
