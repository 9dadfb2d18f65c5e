"""JupyterLab as `make lab` starts it, asked over its own API."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import psutil
import pytest

from tests.support.stack import Project


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder with a name that is short enough for sockets; pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="j") as folder:
        yield Path(folder)


def test_lab_serves_the_notebooks_to_this_machine_only_with_kernels_over_ipc(project: Project, runtime: Path) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-m", "etl", "lab", "--no-browser", "--port", "0"],
        env={**project.env, "JUPYTER_RUNTIME_DIR": str(runtime), "SSH_CONNECTION": "as if"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert lab.stdout is not None
        port, token = next(
            found.groups()
            for line in lab.stdout
            if (found := re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*token=(\w+)", line))
        )
        call = Api(port, token)
        assert any(item["name"] == "4_load.ipynb" for item in call("contents/notebooks")["content"])
        session = {"path": "notebooks/1_produce.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        kernel = call("sessions", session)["kernel"]["id"]
        connection = json.loads((runtime / f"kernel-{kernel}.json").read_text("utf-8"))
        assert connection["transport"] == "ipc"
        assert listening_addresses(psutil.Process(lab.pid)) == {"127.0.0.1"}
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        # Whatever it has started has its output, too, and works in the folder that is removed next.
        lab.communicate(timeout=120)


def listening_addresses(parent: psutil.Process) -> set[str]:
    found = set[str]()
    for process in [parent, *parent.children(recursive=True)]:
        # The server runs `git` and the like for a moment; what has ended listens to nothing.
        with contextlib.suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            found |= {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
    return found


class Api:
    """The server's REST API; it prints its address a moment before it answers there."""

    def __init__(self, port: str, token: str) -> None:
        self.base = f"http://127.0.0.1:{port}/api/"
        self.headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}

    def __call__(self, path: str, data: dict[str, Any] | None = None) -> Any:
        body = json.dumps(data).encode() if data is not None else None
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(urllib.request.Request(self.base + path, body, self.headers)) as answer:
                    return json.loads(answer.read())
            except URLError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
