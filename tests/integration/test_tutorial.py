"""docs/tutorial.md: its commands, one after the other, print what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT
from tests.support.examples_page import make_clone, replacements
from tests.support.stack import Project
from tests.support.tutorial_page import CYCLE, Block, blocks, missing_lines

PORT = "8600"
STATE = ".exported"
"""What a block has exported, for the next one: a reader types all of them into one terminal."""


class Terminal:
    """A reader's terminal in a clone."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.home = home
        self.log = home / "background.log"
        self.env = env
        self.port = "0"
        """Any free one, until the API of the page has one."""
        self.cycle = ""
        """The newest cycle that was printed."""
        self.background: list[subprocess.Popen[bytes]] = []

    def run(self, block: Block) -> str:
        """What the commands of a block print; empty for those in the background."""
        commands = CYCLE.sub(self.cycle, block.text).replace(PORT, self.port)
        script = f"touch {STATE}; . ./{STATE}\n{commands}\n"
        if block.is_background:
            self.background.append(self._start(script))
            self.port = self._port_of(self.background[-1])
            return ""
        script += f"export -p > {STATE}"
        run = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert run.returncode == 0, f"{commands}\n{run.stdout}\n{run.stderr}"
        self.cycle = (CYCLE.findall(run.stdout) or [self.cycle])[-1]
        return run.stdout

    def edit(self, block: Block) -> None:
        file = self.home / block.remark.removeprefix("edits ")
        text = file.read_text("utf-8")
        for old, new in replacements(block.text):
            assert text.count(old) == 1, f"{text.count(old)} times in {file.name}:\n{old}"
            text = text.replace(old, new)
        file.write_text(text, "utf-8")

    def _start(self, script: str) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                ["bash", "-euc", script], cwd=self.home, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def _port_of(self, server: subprocess.Popen[bytes]) -> str:
        """Where it listens, as soon as it does."""
        while not (found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", self.log.read_text("utf-8"))):
            assert server.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.1)
        return found[1]

    def close(self) -> None:
        for process in self.background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    make_clone(project.home)
    (project.home / "notebooks").symlink_to(PROJECT_ROOT / "notebooks")
    env = {name: value for name, value in project.env.items() if name != "ETL_FEEDS"}
    found = Terminal(project.home, {**env, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"})
    yield found
    found.close()


@pytest.mark.postgresql
@pytest.mark.skipif(shutil.which("curl") is None, reason="THE TUTORIAL IS NOT RUN: there is no curl")
def test_the_commands_print_what_the_page_shows(terminal: Terminal, project: Project) -> None:
    printed = ""
    for block in blocks():
        if block.kind == "diff":
            terminal.edit(block)
        elif block.kind == "text":
            assert missing_lines(block.text, printed) == [], f"printed was:\n{printed}"
        elif block.is_run:
            printed = terminal.run(block)
    assert project.value("SELECT count(*) FROM greenhouse") == 14
    assert project.value("SELECT count(*) FROM greenhouse WHERE temperature IS NULL") == 2
    assert (project.home / "output" / "explored.html").stat().st_size > 100_000
    assert "traceback" not in terminal.log.read_text("utf-8").lower()


def test_what_is_not_run_is_little() -> None:
    left = [block.text.strip() for block in blocks() if block.kind == "bash" and not block.is_run]
    assert left == ["make run", "make dashboards"]
    assert sum(block.is_run for block in blocks()) >= 10
