"""docs/your-data.md: each of its examples, from the sample to the table, with the page's own commands."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from typing import Any

import pytest

from tests.support.examples_page import PAGE, Example, bash, draft_of, examples, make_clone, with_rows
from tests.support.stack import Project, with_admin

UPDATE = bool(os.environ.get("ETL_TEST_UPDATE_GOLDEN"))


@pytest.mark.postgresql
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.folder.name)
def test_an_example_runs_from_the_sample_to_the_table(example: Example, project: Project) -> None:
    make_clone(project.home)
    make_topic(example, project)
    final = draft_of(example, project.home, project.env)
    if UPDATE:
        example.contract.write_text(final, "utf-8")
    assert undated(final) == undated(example.contract.read_text("utf-8")), (
        "draft and decisions do not give the contract of the example"
    )
    bash(example.running, project.home, project.env)
    rows = [tuple(shown(value) for value in row) for row in project.sql(example.query)]
    if UPDATE:
        PAGE.write_text(with_rows(PAGE.read_text("utf-8"), example, rows), "utf-8")
        return
    assert rows == list(example.rows[1:])


def make_topic(example: Example, project: Project) -> None:
    """Kafka is the user's own here, in which nothing creates a topic by accident."""
    if topic := re.search(r"--(?:from-)?topic (\S+)", example.drafting):
        with_admin(project.stack.kafka, lambda admin: admin.create_topics({topic[1]: {}}, wait_for_metadata=True))


def undated(contract: str) -> str:
    """A contract without the line that says when the messages of its sample were sent."""
    return re.sub(r"^# Found: the newest messages, .*\n", "", contract, flags=re.MULTILINE)


def shown(value: Any) -> str:
    """A value as the page shows it."""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float | Decimal):
        return f"{value:.10g}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" "))
    return "" if value is None else str(value)
