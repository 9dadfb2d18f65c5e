"""The slider of `explore_readings`: there where a front end runs the notebook, and nowhere else; moving it draws again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import pytest
from jupyter_client.manager import KernelManager
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from etl.notebook.execute import NOTEBOOK_FOLDER, _own_sockets, kernel_config
from etl.notebook.explore.threshold import WIDGET
from tests.superset.browser import browsing, find_chromium
from tests.support.notebooks import outputs_of_notebook
from tests.support.readings import load_readings, series
from tests.support.stack import Project

NOTEBOOK = NOTEBOOK_FOLDER / "explore_readings.ipynb"
SPIKE = "11:40:00"
ABOVE_THE_SPIKE = "threshold = 400.0"
_SECONDS = 120.0
_ATTEMPTS = 2
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
v4: Any = nbformat.v4
HTMLExporter: Any = nbconvert.HTMLExporter
Message = dict[str, Any]


class FrontEnd:
    """What a browser is for a kernel: it names the cells that it sends, and keeps what they show."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(self, code: str) -> list[Message]:
        """Run a cell; returns what it showed."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        return self._send("execute_request", content, {"cellId": "some-cell"})

    def move(self, model: str, value: float) -> list[Message]:
        """Let the slider go at a value."""
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        return self._send("comm_msg", {"comm_id": model, "data": data}, {})

    def _send(self, kind: str, content: Message, metadata: Message) -> list[Message]:
        sent = self.client.session.msg(kind, content, metadata=metadata)
        self.client.shell_channel.send(sent)
        received: list[Message] = []
        while True:
            message = self.client.get_iopub_msg(timeout=_SECONDS)
            if message["parent_header"].get("msg_id") != sent["header"]["msg_id"]:
                continue
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return received
            received.append(message)


@pytest.fixture
def loaded(project: Project) -> Project:
    load_readings(project, series(120, spike_at=100))
    return project


@contextmanager
def front_end(env: dict[str, str]) -> Iterator[FrontEnd]:
    manager: Any = KernelManager(kernel_name="python3", config=_own_sockets(kernel_config()))
    manager.start_kernel(env=env, cwd=str(NOTEBOOK_FOLDER))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_SECONDS)
        yield FrontEnd(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def browser_like(loaded: Project) -> Iterator[FrontEnd]:
    with front_end(loaded.env) as started:
        yield started


def read(path: Path) -> Any:
    return v4.reads(path.read_text("utf-8"))


def run_notebook(browser: FrontEnd) -> list[list[Message]]:
    """Run its cells with a threshold above the spike; returns what each showed."""
    cells = [cell for cell in read(NOTEBOOK).cells if cell.cell_type == "code"]
    shown = []
    for cell in cells:
        shown.append(browser.run(cell.source))
        if "parameters" in cell.metadata.get("tags", []):
            browser.run(ABOVE_THE_SPIKE)
    return shown


def data_of(messages: list[Message], kind: str) -> list[Message]:
    return [message["content"]["data"] for message in messages if message["msg_type"] == kind]


def test_moving_the_slider_draws_the_plot_and_the_table_again(browser_like: FrontEnd) -> None:
    last = run_notebook(browser_like)[-1]
    slider, plot, table, exported = data_of(last, "display_data")
    assert slider[WIDGET]["model_id"]
    assert "image/png" in plot
    assert SPIKE not in table["text/plain"]
    assert "file" in exported["text/plain"]
    displays = [
        m["content"]["transient"]["display_id"] for m in last if m["content"].get("transient", {}).get("display_id")
    ]
    moved = browser_like.move(slider[WIDGET]["model_id"], 10.0)
    updates = [message for message in moved if message["msg_type"] == "update_display_data"]
    assert [update["content"]["transient"]["display_id"] for update in updates] == displays
    new_plot, new_table = (update["content"]["data"] for update in updates)
    assert new_plot["image/png"] != plot["image/png"]
    assert SPIKE in new_table["text/plain"]


def test_an_export_of_the_saved_notebook_shows_the_plots_alone(browser_like: FrontEnd) -> None:
    shown = run_notebook(browser_like)
    notebook = read(NOTEBOOK)
    for cell, messages in zip([c for c in notebook.cells if c.cell_type == "code"], shown, strict=True):
        kept = [m for m in messages if m["msg_type"] in ("display_data", "execute_result")]
        cell.outputs = [v4.output_from_msg(message) for message in kept]
    require_plots_alone(notebook)


def test_without_ipywidgets_the_plot_is_shown_alone(loaded: Project, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "ipywidgets.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join([str(tmp_path / "hidden"), loaded.env.get("PYTHONPATH", "")])
    with front_end({**loaded.env, "PYTHONPATH": path}) as browser:
        plot, table, exported = data_of(run_notebook(browser)[-1], "display_data")
    assert "image/png" in plot
    assert WIDGET not in table | exported


def test_papermill_shows_no_slider(loaded: Project, tmp_path: Path) -> None:
    target = tmp_path / "explored.ipynb"
    shown = outputs_of_notebook(loaded, "explore_readings", target)
    assert sum("image/png" in data for data in shown) == 4
    assert not any(WIDGET in data for data in shown)
    notebook = read(target)
    assert "widgets" not in notebook.metadata
    require_plots_alone(notebook)


def require_plots_alone(notebook: Any) -> None:
    """As HTML a notebook has its four plots, and neither a slider nor anything that would be fetched for one."""
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert len(re.findall(r"<img[^>]+data:image/png", page)) == 4
    for word in ("FloatSlider", WIDGET, "html-manager"):
        assert word not in page


@pytest.fixture
def lab(loaded: Project, tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the notebook; its address, with the token."""
    (tmp_path / "lab").mkdir()
    text = NOTEBOOK.read_text("utf-8").replace("threshold: float = 0.0", "threshold: float = 400.0")
    (tmp_path / "lab" / "explore.ipynb").write_text(text, "utf-8")
    with tempfile.TemporaryDirectory(prefix="j") as runtime:
        own = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "spaces")}
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={tmp_path / 'lab'}"),
                # As `etl lab` does: a TCP port may be taken by somebody else before the kernel listens on it.
                "--KernelManager.transport=ipc",
                *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url="),
            ],
            env={**loaded.env, **own, "JUPYTER_RUNTIME_DIR": runtime},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            assert server.stdout is not None
            yield next(
                f"{found[1]}/lab/tree/explore.ipynb?token={found[2]}"
                for line in server.stdout
                if (found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\S*token=(\w+)", line))
            )
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            # Its kernel has its output, too, and works in the folder that is removed next.
            server.communicate(timeout=_SECONDS)


def run_all_cells(page: Page) -> Locator:
    """Run all cells as a person does, and once more where JupyterLab has not shown the slider; returns its handle.

    :raises AssertionError: there is none; with what the page shows instead, and has complained about.
    """
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    handle = page.locator(".widget-slider .noUi-handle").first
    # Cells that wait or run have a star; the kernel also is busy for a moment with other things.
    waiting = page.locator(".jp-InputPrompt", has_text="[*]").first
    states: list[str] = []
    for _ in range(_ATTEMPTS):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        try:
            waiting.wait_for(state="attached")
            waiting.wait_for(state="detached")
            page.locator(IDLE).wait_for()
            handle.wait_for(timeout=1000 * _SECONDS / _ATTEMPTS)
        except PlaywrightTimeout:
            prompts = page.locator(".jp-InputPrompt").all_inner_texts()
            shown = page.locator(".jp-CodeCell").last.inner_text()
            states.append(f"{page.locator('#jp-main-statusbar').inner_text()!r}, cells {prompts}, the last: {shown!r}")
        else:
            return handle
        if not page.locator(IDLE).count():
            # Cells that are run twice would show a second slider in the place of the first, which may be moved by then.
            break
    raise AssertionError(f"No slider after {len(states)} attempts: {states}; the page says {said}")


@pytest.mark.skipif(find_chromium() is None, reason="THE SLIDER IS NOT MOVED IN A BROWSER: none was found.")
def test_a_person_moves_the_slider_in_jupyterlab(lab: str) -> None:
    with browsing(find_chromium() or "") as browser:
        # High enough for all cells: JupyterLab leaves out what is far outside of the window.
        page = browser.new_page(viewport={"width": 1400, "height": 4500})
        page.set_default_timeout(1000 * _SECONDS)
        page.goto(lab)
        page.locator(".jp-RenderedMarkdown h1").first.wait_for()
        page.locator(IDLE).wait_for()
        handle = run_all_cells(page)
        last = page.locator(".jp-CodeCell").last
        plot = last.locator(".jp-OutputArea img").first
        plot.wait_for()
        before = plot.get_attribute("src")
        assert SPIKE not in last.inner_text()
        handle.focus()
        handle.press("Home")
        expect(last).to_contain_text(SPIKE, timeout=1000 * _SECONDS)
        assert last.locator(".jp-OutputArea img").first.get_attribute("src") != before
        assert last.locator(".jp-OutputArea img").count() == 1
