"""The README and the documents are held to the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from etl.cli.app import app
from etl.settings import PROJECT_ROOT, Settings
from etl.validation.reasons import Reason

README = (PROJECT_ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    *sorted((PROJECT_ROOT / "docs").rglob("*.md")),
]
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_settings_table_is_complete_and_tells_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `(ETL_\w+)` \| (.+?) \|", README, re.MULTILINE))
    assert set(rows) == {f"ETL_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        told = rows[f"ETL_{name.upper()}"].strip("`")
        if isinstance(field.default, bool):
            assert told == str(field.default).lower()
        elif isinstance(field.default, int | float):
            assert float(told) == field.default
        elif isinstance(field.default, str):
            assert told == field.default


def test_the_tree_names_what_is_there() -> None:
    tree = re.search(r"## What is where\n\n```\n(.*?)```", README, re.DOTALL)
    assert tree is not None
    named = set(re.findall(r"^(\w+)/", tree.group(1), re.MULTILINE))
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    folders = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line and not line.startswith(".")}
    assert named == folders


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_make_targets_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"python -m etl ([a-z]+)", text)) <= COMMANDS


def test_the_readme_lists_every_command() -> None:
    table = README[README.index("| command |") : README.index("Exit codes")]
    assert set(re.findall(r"`([a-z]+)[ `]", table)) >= COMMANDS - {"setup", "version"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if not link.startswith("http"):
            assert (document.parent / link).exists(), link


def test_every_reason_is_explained() -> None:
    text = (PROJECT_ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## Why rows are rejected") : text.index("## Tables")]
    explained = [
        name for row in re.findall(r"^\| (`.+?) \| ", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert explained == [reason.value for reason in Reason], "all of them, in their order"


def test_the_example_of_a_run_has_the_columns_of_the_real_one() -> None:
    from etl.cli.report import audit_table

    shown = next(line for line in README.splitlines() if line.startswith("job      status"))
    assert shown.split() == [str(column.header) for column in audit_table([]).columns]
