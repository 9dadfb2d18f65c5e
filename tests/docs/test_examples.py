"""The files of docs/examples/ are what they claim to be."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.operations.schedules.times import parse
from etl.settings import PROJECT_ROOT

EXAMPLES = PROJECT_ROOT / "docs" / "examples"
UNITS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".service", ".timer"})


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_parse_and_run_commands_that_exist(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text("utf-8"))
    assert set(parser.sections()) <= {"Unit", "Service", "Timer", "Install"}
    if unit.suffix == ".service":
        require_command(parser["Service"]["ExecStart"])


def test_the_schedule_alone_gets_sigterm() -> None:
    assert "\nKillMode=mixed\n" in (EXAMPLES / "etl-schedule.service").read_text("utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/notebook-etl/.venv", str(tmp_path))
        (tmp_path / unit.name).write_text(text, "utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_crontab_has_five_fields_and_a_command_that_exists() -> None:
    lines = [line for line in (EXAMPLES / "crontab").read_text("utf-8").splitlines() if line and line[0] != "#"]
    (entry,) = [line for line in lines if not re.match(r"\w+=", line)]
    *fields, command = entry.split(maxsplit=5)
    parse(" ".join(fields))
    assert "%" not in command, "cron takes it for the end of the line"
    require_command(command.partition("&&")[2])


def require_command(command: str) -> None:
    """`… python -m etl run …` with options that `run` has."""
    found = re.search(r"\.venv/bin/python -m etl run (.+?)(?: >>|$)", command)
    assert found
    checked = subprocess.run(
        [sys.executable, "-m", "etl", "run", *found[1].split(), "--help"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    shown = re.sub(r"\x1b\[[0-9;]*m", "", checked.stdout)
    assert all(option in shown for option in re.findall(r"--[\w-]+", found[1]))
