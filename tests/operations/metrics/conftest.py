"""A feed on the database that understands T-SQL."""

from tests.support.tsqlfeed import engine, feed, home

__all__ = ["engine", "feed", "home"]
