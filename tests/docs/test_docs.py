"""The README and the documents are held to the code."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from etl.audit.incidents.finding import Kind, severity
from etl.cli.app import app
from etl.settings import PROJECT_ROOT, Settings
from etl.validation.reasons import Reason

README = (PROJECT_ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CHANGELOG.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    PROJECT_ROOT / "superset" / "README.md",
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
    assert set(re.findall(r"python -m etl ([a-z-]+[a-z])", text)) <= COMMANDS


def test_the_readme_lists_every_command() -> None:
    table = README[README.index("| command |") : README.index("Exit codes")]
    assert set(re.findall(r"`([a-z-]+)[ `]", table)) >= COMMANDS - {"setup", "version"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", document.read_text("utf-8")):
        if link.startswith("http"):
            continue
        target = document.parent / link if link else document
        assert target.exists(), link
        if heading:
            assert heading in _headings(target), f"{link}#{heading}"


def _headings(document: Path) -> set[str]:
    """The headings of a page, as GitHub names them in links."""
    titles = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_modules_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    for path in re.findall(r"`((?:etl|tests|benchmarks|sql|superset|docs|notebooks|\.github)/[\w./-]+)(?=[`\s])", text):
        assert (PROJECT_ROOT / path).exists(), path
    for module in re.findall(r"`(?:python -m )?((?:etl|benchmarks)(?:\.\w+)+)(?=[`\s])", text):
        assert module.endswith((".service", ".timer")) or _is_in_the_code(module), module


def test_functions_named_beside_a_file_are_in_it() -> None:
    text = (PROJECT_ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`(etl/[\w/]+\.py)`: (`[\w.]+`(?:, `[\w.]+`(?!:))*)", text)
    assert len(named) > 20
    for path, names in named:
        there = _definitions(ast.parse((PROJECT_ROOT / path).read_text("utf-8")).body)
        assert set(re.findall(r"[\w.]+", names)) <= there, path


def _definitions(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """Names of the functions and classes in a module, methods as `Class.method`."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found.add(f"{prefix}{statement.name}")
        if isinstance(statement, ast.ClassDef):
            found |= _definitions(statement.body, f"{statement.name}.")
    return found


def test_the_map_names_every_package() -> None:
    text = (PROJECT_ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## The packages") : text.index("## The way of one reading")]
    named = set(re.findall(r"^\| `(\w+)(?:\.py)?` \|", table, re.MULTILINE))
    folder = PROJECT_ROOT / "etl"
    there = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert named == {name for name in there if not name.startswith("__")}


def _is_in_the_code(name: str) -> bool:
    """Whether a dotted name is a module, a package or a name that one of them has."""
    path = PROJECT_ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    return hasattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])


def test_every_reason_is_explained() -> None:
    text = (PROJECT_ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## Why rows are rejected") : text.index("## Tables")]
    explained = [
        name for row in re.findall(r"^\| (`.+?) \| ", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert explained == [reason.value for reason in Reason], "all of them, in their order"


def test_every_kind_of_incident_is_explained() -> None:
    text = (PROJECT_ROOT / "docs" / "alerts.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \| (?:error|warning) \| ", text, re.MULTILINE) == [kind.value for kind in Kind]
    for kind in Kind:
        assert f"| `{kind}` | {severity(kind)} | " in text


def test_the_example_of_a_run_has_the_columns_of_the_real_one() -> None:
    from etl.cli.report.audit import audit_table

    shown = next(line for line in README.splitlines() if line.startswith("job      status"))
    assert shown.split() == [str(column.header) for column in audit_table([]).columns]
