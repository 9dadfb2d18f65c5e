"""The examples of docs/api.md, run as they stand there against a real server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from etl.api.document.page import EXAMPLES
from tests.support.readings import load_readings, series
from tests.support.stack import Project

BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", EXAMPLES.read_text("utf-8"), re.MULTILINE | re.DOTALL)
SERVING = "-m etl api --port"


@pytest.fixture
def address(project: Project) -> Iterator[str]:
    """Of a server whose feed has 120 readings of each of two sensors."""
    load_readings(project, series(120))
    server = project.popen("api")
    try:
        assert server.stdout is not None
        yield next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(120)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_examples_run(project: Project, address: str, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    # The server has a port of its own here.
    env = {**project.env, "API": address, "no_proxy": "127.0.0.1"}
    printed = [run(language, text, folder, env) for language, text in BLOCKS if SERVING not in text]
    assert len(printed) == len(BLOCKS) - 1
    assert (folder / "token.header").stat().st_mode & 0o077 == 0
    _, feeds, latest, page, files, windows_and_cycles, frames = printed
    assert "sensor_readings" in feeds
    assert [row["sensor"] for row in json.loads(latest)["rows"]] == ["1"]
    assert len(json.loads(page)["rows"]) == 100
    assert files == ""
    assert len((folder / "readings.csv").read_text().splitlines()) == 241
    assert len(pd.read_parquet(folder / "readings.parquet")) == 240
    assert '"temperature"' in windows_and_cycles
    assert re.search(r"timestamp +datetime64\[\w+, UTC\]", frames)
    assert frames.count("120.0") == 2


def run(language: str, text: str, folder: Path, env: dict[str, str]) -> str:
    """Run a block of the page; returns what it printed."""
    if language == "bash":
        # The virtual environment of the page is the one that runs this, and the address is the server's.
        text = text.replace(".venv/bin/python", shlex.quote(sys.executable)).replace("export API=", "export NOT_USED=")
        command = ["bash", "-euo", "pipefail", "-c", text]
    else:
        command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{text}\n{done.stderr[-2000:]}"
    return done.stdout
