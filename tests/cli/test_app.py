"""What all commands have in common: help, version, completion by the shell, errors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from etl import __version__
from etl.cli.app import app
from etl.settings import PROJECT_ROOT

DETECTED = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""Typer then takes the shell from the argument, instead of looking for the parent process."""


def etl(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "etl", *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_help_has_every_command_in_a_group() -> None:
    commands = [(info.rich_help_panel, info.callback) for info in app.registered_commands]
    groups = [(info.rich_help_panel, info.name) for info in app.registered_groups]
    assert {panel for panel, _ in [*commands, *groups]} == {"Run", "Look", "Repair and tidy up", "Set up"}
    shown = etl("--help").stdout
    places = [shown.index(f"─ {group} ─") for group in ("Run", "Look", "Repair and tidy up", "Set up")]
    assert places == sorted(places)


@pytest.mark.parametrize("arguments", ["--version", "version"])
def test_the_version_is_printed(arguments: str) -> None:
    done = etl(arguments)
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_is_that_of_the_command_etl(shell: str) -> None:
    """Also where it is installed by `python -m etl`: a shell cannot complete one module of Python's."""
    script = etl("--show-completion", shell, **DETECTED).stdout
    assert f"_ETL_COMPLETE=complete_{shell}" in script
    assert "python" not in script


def test_the_command_etl_is_installed_with_the_package() -> None:
    assert '[project.scripts]\netl = "etl.cli.app:main"\nnotebook-etl = "etl.cli.app:main"\n' in (
        PROJECT_ROOT / "pyproject.toml"
    ).read_text("utf-8")


def test_an_error_is_one_message_with_a_remedy_and_an_exit_code() -> None:
    done = etl("run", "--cycles", "3")
    assert done.returncode == 2
    assert done.stderr == "Error: --cycles 3 is given without --every.\nRemedy: Add an interval, e.g. --every 5m.\n"
    assert "Traceback" in etl("--debug", "run", "--cycles", "3").stderr
