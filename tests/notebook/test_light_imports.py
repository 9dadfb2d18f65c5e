"""What importing papermill leaves out, in a separate process."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from etl.notebook.light_imports import light_imports
with light_imports():
    import papermill
heavy = {"rfc3987_syntax", "isoduration", "azure.identity", "papermill.abs"}
print(sorted(heavy & set(sys.modules)), callable(papermill.execute_notebook))
import isoduration
print(isoduration.__name__)
"""


def test_papermill_comes_without_what_it_does_not_need_here() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[] True", "isoduration"]
