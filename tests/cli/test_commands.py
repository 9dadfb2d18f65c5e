"""Printed commands run when they are copied."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from etl.cli.commands import runnable, runnable_styled, running_python
from etl.cli.console import errors_console
from etl.settings import PROJECT_ROOT

PYTHON = Path(sys.executable)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a Python in `my venv/bin`; that of the search path is another one."""
    (tmp_path / "my venv" / "bin").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    for folder in ("my venv/bin", "other"):
        (tmp_path / folder / "python").symlink_to(PYTHON.resolve())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my venv" / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    return tmp_path


def test_the_first_python_of_the_search_path_needs_no_folder(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(elsewhere / "my venv" / "bin"))
    assert running_python() == "python"


def test_a_python_below_the_current_folder_is_named_from_there(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running_python() == "'my venv/bin/python'"
    monkeypatch.chdir(elsewhere / "my venv" / "bin")
    assert running_python() == "./python"


def test_any_other_is_named_in_full(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(elsewhere / "other")
    assert running_python() == f"'{elsewhere}/my venv/bin/python'"


@pytest.mark.usefixtures("elsewhere")
def test_only_commands_are_changed() -> None:
    said = (
        "Run `python -m etl init`, then python -m papermill a.ipynb; not .venv/bin/python -m etl, python -m http.server"
    )
    named = "'my venv/bin/python'"
    expected = (
        f"Run `{named} -m etl init`, then {named} -m papermill a.ipynb;"
        " not .venv/bin/python -m etl, python -m http.server"
    )
    assert runnable(said) == expected
    styled = runnable_styled(Text("Remedy: ", style="bold") + Text("Run python -m etl up first.", style="red"))
    assert styled.plain == f"Remedy: Run {named} -m etl up first."
    assert {styled.plain[span.start : span.end] for span in styled.spans if str(span.style) == "red"} >= {
        f"{named} -m etl"
    }


def test_the_installed_program_is_named_as_it_was_started(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = elsewhere / "my venv" / "bin" / "notebook-etl"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "run"])
    monkeypatch.delenv("UV", raising=False)
    said = "Run `python -m etl init`, then python -m papermill a.ipynb"
    by_path = "Run `'my venv/bin/notebook-etl' init`, then 'my venv/bin/python' -m papermill a.ipynb"
    assert runnable(said) == by_path
    monkeypatch.setenv("PATH", str(script.parent))
    assert runnable(said) == "Run `notebook-etl init`, then python -m papermill a.ipynb"
    # What `uvx` finds on its path, the user's shell does not.
    monkeypatch.setenv("UV", "/usr/bin/uv")
    assert runnable(said).startswith("Run `'my venv/bin/notebook-etl' init`")


def test_a_command_that_is_printed_runs_where_no_environment_is_active(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(PYTHON.parent.parent)
    (tmp_path / "s.jsonl").write_text('{"device": "d1", "time": "2025-06-15T00:00:00Z", "temperature": 20.5}\n')
    env = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT_ROOT), "ETL_HOME": str(tmp_path)}

    def bash(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = bash(".venv/bin/python -m etl feeds new mine --from s.jsonl")
    assert "# Next: python -m etl feeds check" in (tmp_path / "contracts" / "mine.odcs.yaml").read_text("utf-8")
    (command,) = re.findall(r"^Next: (.+)$", said, re.MULTILINE)
    assert command == ".venv/bin/python -m etl feeds check contracts/mine.odcs.yaml"
    assert "mine.odcs.yaml is fine" in bash(command)


def test_a_folder_with_the_marks_of_styles_is_printed_as_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "[red] b" / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", "")
    with errors_console.capture() as styled:
        errors_console.print("[bold]Run[/bold] python -m etl up", soft_wrap=True)
    with errors_console.capture() as plain:
        errors_console.print("Run python -m etl up", markup=False, soft_wrap=True)
    assert styled.get() == plain.get() == f"Run '{python}' -m etl up\n"
