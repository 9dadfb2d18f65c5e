"""Names of jobs and states: plain texts wherever they go, and written in one place."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest
from psycopg.adapt import PyFormat, Transformer

from etl.audit.states import NOTEBOOKS, Job, Status
from etl.settings import PROJECT_ROOT

STATES = {*Job, *Status}
HOME = "etl/audit/states.py"
DOMAIN = "etl/jobs/produce/simulators/"
"""Devices have states of their own."""


def literals(source: str) -> Iterator[int]:
    """The lines that spell the name of a job or a state, but for the names of loggers."""
    tree = ast.parse(source)
    loggers = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "get_logger"
        for argument in call.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in STATES and id(node) not in loggers:
            yield node.lineno


def test_no_other_module_spells_a_job_or_a_state() -> None:
    found = {
        f"{name}:{line}"
        for path in sorted((PROJECT_ROOT / "etl").rglob("*.py"))
        if (name := path.relative_to(PROJECT_ROOT).as_posix()) != HOME and not name.startswith(DOMAIN)
        for line in literals(path.read_text(encoding="utf-8"))
    }
    assert not found, "use Job and Status of etl.audit.states"


def test_spelled_names_are_seen() -> None:
    assert [*literals("status == 'FAILED'")] == [1]
    assert [*literals("structlog.get_logger('load')")] == []


def test_a_cycle_has_a_notebook_per_job_in_the_order_of_the_jobs() -> None:
    assert [*NOTEBOOKS] == ["produce", "consume", "merge", "load"]
    assert all((PROJECT_ROOT / "notebooks" / f"{name}.ipynb").is_file() for name in NOTEBOOKS.values())


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_state_is_its_text(state: Job | Status) -> None:
    plain = str(state.value)
    assert type(plain) is str
    assert f"{state}" == plain
    assert {plain: 1}[state] == 1
    assert json.dumps({state: state}) == json.dumps({plain: plain})


@pytest.mark.parametrize("format_", [PyFormat.AUTO, PyFormat.TEXT, PyFormat.BINARY])
def test_psycopg_sends_a_state_as_its_text(format_: PyFormat) -> None:
    sent = Transformer().get_dumper(Status.RUNNING, format_).dump(Status.RUNNING)
    assert sent is not None
    assert bytes(sent) == b"RUNNING"
