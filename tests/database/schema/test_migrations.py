"""The migrations' statements, without a database."""

from __future__ import annotations

import io

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from etl.database.sqlserver.product import offline_dialect
from etl.settings import PROJECT_ROOT


def statements(*, comments: bool) -> str:
    """What brings an empty SQL Server to the newest version."""
    dialect, said = offline_dialect(), io.StringIO()
    # It is asked when it connects: some servers that speak T-SQL have no comments.
    dialect.supports_comments = comments
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": said})
    with Operations.context(context):
        for revision in reversed(list(ScriptDirectory(PROJECT_ROOT / "sql" / "migrations").walk_revisions())):
            revision.module.upgrade()
    return said.getvalue()


def test_a_database_without_comments_is_migrated_all_the_same() -> None:
    found = statements(comments=False)
    assert "CREATE TABLE etl_set_aside" in found
    assert "extendedproperty" not in found


@pytest.mark.parametrize("told", ["and landing file that was loaded", "the log_id of the replay that loaded it"])
def test_a_comment_that_a_migration_changes_is_there_where_there_are_comments(told: str) -> None:
    assert told in statements(comments=True)
