"""Notebooks as a cycle executes them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
import pytest

from etl.notebook.execute import execute
from etl.notebook.kernel import WarmKernel
from etl.settings import Settings

v4: Any = nbformat.v4
SLOW = """
import time

def pause():
    del kernel.post_handler_hook
    time.sleep(5)

kernel = get_ipython().kernel
kernel.post_handler_hook = pause
print("done")
"""
"""After the reply, the end of the cell's output comes late."""


@pytest.mark.parametrize("warm", [False, True])
def test_an_output_that_ends_late_is_no_failure(settings: Settings, tmp_path: Path, *, warm: bool) -> None:
    notebook, executed = tmp_path / "slow.ipynb", settings.home / "executed.ipynb"
    notebook.write_text(v4.writes(v4.new_notebook(cells=[v4.new_code_cell(SLOW)])), "utf-8")
    settings.home.mkdir()
    with WarmKernel() if warm else nullcontext() as kernel:
        execute(settings, notebook, executed, {}, kernel)
    assert "done" in executed.read_text("utf-8")
