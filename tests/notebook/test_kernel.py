"""Notebooks in a kernel that is kept: what stays, what does not, and when it is given up."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest
from papermill.exceptions import PapermillExecutionError

from etl.errors import PermanentError
from etl.notebook.execute import _own_sockets, kernel_config
from etl.notebook.kernel import ENGINE, Usage, WarmKernel

PARAMETERS = "number: int = 1"


@pytest.fixture(scope="module")
def kept() -> Iterator[WarmKernel]:
    with WarmKernel() as kernel:
        yield kernel


def run(folder: Path, kernel: WarmKernel | None, *cells: str, **parameters: Any) -> Any:
    """Run a notebook of these cells; returns the executed copy."""
    new: Any = nbformat.v4
    first, *others = [new.new_code_cell(cell) for cell in (PARAMETERS, *cells)]
    first.metadata["tags"] = ["parameters"]
    notebook = new.new_notebook(cells=[first, *others])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    (folder / "own.ipynb").write_text(new.writes(notebook), "utf-8")
    return papermill.execute_notebook(
        folder / "own.ipynb",
        folder / "executed.ipynb",
        parameters,
        engine_name=ENGINE if kernel else None,
        progress_bar=False,
        cwd=folder,
        config=_own_sockets(kernel_config()),
        extra_arguments=["--log-level=CRITICAL"],
        **({"warm_kernel": kernel} if kernel else {}),
    )


def said(notebook: Any) -> str:
    """What the last cell printed."""
    return str(notebook.cells[-1]["outputs"][0]["text"]).strip()


PID = "import os; print(os.getpid())"


def kill(process: psutil.Process) -> None:
    """Kill a process and wait until it has ended, which a signal does not do at once."""
    ended = os.pidfd_open(process.pid)
    try:
        process.kill()
        select.select([ended], [], [])
    finally:
        os.close(ended)


def test_papermill_finds_the_engine_by_its_entry_point() -> None:
    (found,) = entry_points(group="papermill.engine", name=ENGINE)
    assert found.value == "etl.notebook.papermill_engine:WarmEngine"


def test_the_next_notebook_has_the_same_kernel_and_an_empty_name_space(tmp_path: Path, kept: WarmKernel) -> None:
    first = run(tmp_path, kept, "import colorsys\nleft = number\n_private = 1", PID, number=7)
    second = run(
        tmp_path,
        kept,
        "names = sorted({'left', '_private', 'colorsys', 'os'} & set(globals()))",
        "print(names, number)",
    )
    assert said(second) == "[] 1"
    third = run(tmp_path, kept, "import sys", "print('colorsys' in sys.modules)")
    assert said(third) == "True"
    assert said(first) == said(run(tmp_path, kept, PID))


def test_what_a_notebook_does_to_its_process_is_undone(tmp_path: Path, kept: WarmKernel) -> None:
    run(tmp_path, kept, "import os\nos.environ['LEFT'] = 'x'\ndel os.environ['PATH']\nos.chdir('/')")
    notebook = run(tmp_path, kept, "import os\nprint(os.getcwd() != '/', os.environ.get('LEFT'), 'PATH' in os.environ)")
    assert said(notebook) == "True None True"
    run(tmp_path, kept, "import matplotlib.pyplot as plt\nplt.figure()\nplt.plot([1])")
    assert said(run(tmp_path, kept, "import matplotlib.pyplot as plt\nprint(plt.get_fignums())")) == "[]"


def test_the_executed_notebook_is_that_of_a_fresh_kernel(tmp_path: Path, kept: WarmKernel) -> None:
    cells = ("number * 2", "print('x')\n_", "import sys; print('to stderr', file=sys.stderr)")
    plain = [run(tmp_path, kernel, *cells, number=3) for kernel in (None, kept, kept)]
    for notebook in plain:
        notebook.metadata.papermill = {k: notebook.metadata.papermill[k] for k in ("parameters", "exception")}
        for cell in notebook.cells:
            cell.pop("id", None)
            cell.metadata = {"tags": cell.metadata["tags"], "exception": cell.metadata["papermill"]["exception"]}
    assert plain[0] == plain[1] == plain[2]


def test_after_a_failure_the_kernel_is_a_fresh_one(tmp_path: Path) -> None:
    with WarmKernel() as kernel:
        before = said(run(tmp_path, kernel, PID))
        with pytest.raises(PapermillExecutionError, match="no luck"):
            run(tmp_path, kernel, "raise ValueError('no luck')")
        assert not psutil.pid_exists(int(before))
        assert said(run(tmp_path, kernel, PID)) != before


def test_a_kernel_or_companion_that_has_died_is_replaced_before_the_next_notebook(tmp_path: Path) -> None:
    child = "import subprocess, builtins\nbuiltins.kept = subprocess.Popen(['sleep', '1000'])\nprint(builtins.kept.pid)"
    # It ends before the cycle does, and stays a zombie.
    ended = "import subprocess, builtins, os\nbuiltins.ended = subprocess.Popen(['true'])\n"
    ended += "os.waitid(os.P_PID, builtins.ended.pid, os.WEXITED | os.WNOWAIT)"
    with WarmKernel() as kernel:
        sleeper = psutil.Process(int(said(run(tmp_path, kernel, child))))
        run(tmp_path, kernel, ended)
        before = said(run(tmp_path, kernel, PID))
        kernel.end_cycle()
        assert said(run(tmp_path, kernel, PID)) == before, "a child that had ended before is not missed"
        kill(sleeper)
        after = said(run(tmp_path, kernel, PID))
        assert after != before
        kill(psutil.Process(int(after)))
        assert said(run(tmp_path, kernel, PID)) != after


def test_processes_that_are_not_needed_any_more_end_and_the_kernel_stays(tmp_path: Path) -> None:
    child = "import subprocess, builtins\nbuiltins.kept = subprocess.Popen(['sleep', '1000'])\nprint(builtins.kept.pid)"
    with WarmKernel() as kernel:
        sleeper = psutil.Process(int(said(run(tmp_path, kernel, child))))
        kernel.end_cycle()
        before = said(run(tmp_path, kernel, PID))
        kernel.end_companions()
        assert said(run(tmp_path, kernel, "import builtins\nprint(builtins.kept.wait())")) == "-15"
        assert not sleeper.is_running()
        assert said(run(tmp_path, kernel, PID)) == before


def test_after_its_number_of_cycles_the_kernel_is_replaced(tmp_path: Path) -> None:
    with WarmKernel(cycles=2) as kernel:
        pids = []
        for _ in range(3):
            pids.append(said(run(tmp_path, kernel, PID)))
            kernel.end_cycle()
    assert pids[0] == pids[1] != pids[2]


def test_above_its_memory_the_kernel_is_given_up_when_the_cycle_has_ended(tmp_path: Path) -> None:
    with WarmKernel(memory_bytes=1) as kernel:
        first = said(run(tmp_path, kernel, PID))
        assert first == said(run(tmp_path, kernel, PID))
        used = kernel.usage()
        assert used.memory > 1 << 20
        assert used.threads >= 1
        kernel.end_cycle()
        assert kernel.usage() == Usage()
        assert said(run(tmp_path, kernel, PID)) != first


def test_nothing_of_a_kernel_is_left(tmp_path: Path) -> None:
    run(tmp_path, None, PID)
    before = psutil.Process().num_fds()
    kernels = 2
    for _ in range(kernels):
        with WarmKernel() as kernel:
            pid = int(said(run(tmp_path, kernel, PID)))
            connection = Path(kernel._client.km.connection_file)
            assert list(connection.parent.glob(f"{connection.stem}*"))
        assert not psutil.pid_exists(pid)
        assert list(connection.parent.glob(f"{connection.stem}*")) == []
    # Something else in this process may have opened a file meanwhile, but not one for each kernel.
    assert psutil.Process().num_fds() < before + kernels


def test_a_kernel_whose_beginning_fails_is_not_kept(tmp_path: Path) -> None:
    with WarmKernel(begin="1 / 0") as kernel:
        with pytest.raises(PermanentError, match="could not be prepared"):
            run(tmp_path, kernel, PID)
        assert kernel.manager is None


def test_a_kernel_that_was_started_ahead_runs_the_first_notebook(tmp_path: Path) -> None:
    with WarmKernel(begin="import builtins; builtins.begun = True") as kernel:
        kernel.start_ahead(tmp_path, _own_sockets(kernel_config()), ["--log-level=CRITICAL"])
        ahead = kernel.manager
        assert ahead is not None
        notebook = run(tmp_path, kernel, "import builtins, os\nprint(builtins.begun, os.getpid())")
        assert said(notebook) == f"True {ahead.provisioner.pid}"  # type: ignore[union-attr]
        assert kernel.manager is ahead


def test_a_kernel_that_was_started_ahead_in_vain_is_ended(tmp_path: Path) -> None:
    with WarmKernel() as kernel:
        kernel.start_ahead(tmp_path, _own_sockets(kernel_config()), [])
        pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
        connection = Path(kernel.manager.connection_file)  # type: ignore[union-attr]
    assert not psutil.pid_exists(pid)
    assert list(connection.parent.glob(f"{connection.stem}*")) == []


def test_a_kernel_that_was_started_ahead_and_cannot_begin_is_not_kept(tmp_path: Path) -> None:
    with WarmKernel(begin="1 / 0") as kernel:
        kernel.start_ahead(tmp_path, _own_sockets(kernel_config()), ["--log-level=CRITICAL"])
        with pytest.raises(PermanentError, match="could not be prepared"):
            run(tmp_path, kernel, PID)
        assert kernel.manager is None


def test_the_engine_alone_has_a_kernel_of_its_own(tmp_path: Path) -> None:
    run(tmp_path, None, PID)
    notebook = papermill.execute_notebook(
        tmp_path / "own.ipynb", tmp_path / "executed.ipynb", {}, engine_name=ENGINE, progress_bar=False
    )
    assert int(said(notebook)) != os.getpid()
    assert not psutil.pid_exists(int(said(notebook)))
