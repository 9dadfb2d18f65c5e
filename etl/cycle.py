"""One cycle: the four notebooks in order, through papermill, under the feed's cycle lock."""

from __future__ import annotations

import ast
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from etl import audit, errors, files, storage
from etl.audit import NOTEBOOKS
from etl.contract import Contract
from etl.database import dispose, make_engine, transaction
from etl.errors import ConfigurationError, EtlError, Interrupted, JobFailed, ParameterError, PermanentError
from etl.locks import JOB_WAIT_SECONDS, feed_lock
from etl.outcome import Outcome, cycle_log, read_outcome
from etl.settings import PROJECT_ROOT, Settings
from etl.warm import ENGINE, WarmKernel

if TYPE_CHECKING:
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

NOTEBOOK_FOLDER = PROJECT_ROOT / "notebooks"

_SOCKET_PATH_LENGTH = 104
"""macOS allows 104 bytes with the closing NUL, Linux 108 (`sockaddr_un.sun_path`)."""

Reporter = Callable[[str, str, str], None]
"""Is told a feed, a job of it, and what the job does now: "started", "succeeded" or "failed"."""


@dataclass(frozen=True)
class Cycle:
    """A cycle that has ended: its rows of `etl_log` in order, and what failed, if anything did."""

    feed: str
    cycle_id: str
    """Empty if it could not begin."""
    rows: tuple[dict[str, Any], ...]
    error: EtlError | None = None
    left: tuple[str, ...] = ()
    """Jobs that were not started, because somebody had asked to stop."""
    outcome: Outcome = field(default_factory=Outcome)
    """What it left out, and why."""

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else 0


def run_cycles(
    settings: Settings,
    contracts: Iterable[Contract],
    parameters: Mapping[str, Any],
    report: Reporter = lambda feed, job, what: None,
    stopping: Callable[[], bool] = lambda: False,
    kernel: WarmKernel | None = None,
) -> Iterator[Cycle]:
    """Run a cycle of each feed, one after the other; the failure of one does not stop the others.

    After an interrupt, or once `stopping()`, no further cycle begins. See `run_cycle` for the parameters.
    """
    for contract in contracts:
        if stopping():
            return
        try:
            cycle = run_cycle(settings, contract, parameters, report, stopping, kernel)
        except EtlError as error:
            cycle = Cycle(contract.feed, "", (), error)
        except (OSError, RuntimeError) as error:
            # A full disk, a kernel that does not start: no reason for the other feeds, or the next cycle, not to try.
            unexpected = PermanentError(audit.describe(error), remedy="`python -m etl doctor` may know more.")
            cycle = Cycle(contract.feed, "", (), unexpected)
        yield cycle
        if isinstance(cycle.error, Interrupted):
            return


def run_cycle(
    settings: Settings,
    contract: Contract,
    parameters: Mapping[str, Any],
    report: Reporter = lambda feed, job, what: None,
    stopping: Callable[[], bool] = lambda: False,
    kernel: WarmKernel | None = None,
) -> Cycle:
    """Run produce, consume, merge and load once; the first failure ends the cycle.

    Executed copies stand in `output/runs/<cycle>/`, also those of failed notebooks.

    :param parameters: for the notebooks; each goes to every notebook that has it.
    :param stopping: is asked before each job; once it says so, the remaining ones are left to the next cycle.
    :param kernel: runs all notebooks, as long as none fails; None gives each a kernel of its own.
    :raises ParameterError: a parameter is unknown or has another type, or a notebook has no cell `parameters`. Nothing ran.
    :raises AlreadyRunning: another cycle of this feed runs. Nothing ran.
    """
    shares = divide_parameters(parameters)
    cycle_id = audit.new_cycle_id()
    with (
        files.private(),
        storage.explaining(settings),
        feed_lock(settings, contract.feed, "cycle", what=f"cycle {cycle_id}"),
    ):
        (settings.runs / cycle_id).mkdir(parents=True, exist_ok=True)
        left = list(NOTEBOOKS)
        error: EtlError | None = None
        while left and not error and not stopping():
            job = left.pop(0)
            report(contract.feed, job, "started")
            error = _try_job(settings, job, {**shares[job], "feed": contract.feed, "cycle_id": cycle_id}, kernel)
            report(contract.feed, job, "failed" if error else "succeeded")
        if kernel:
            kernel.end_cycle()
        try:
            _close_dead(settings, contract)
            rows, outcome = _ended(settings, cycle_id)
        except EtlError:
            if error is None:
                raise
            rows, outcome = (), Outcome()  # The job failed for the same cause, and says more about it.
        return Cycle(contract.feed, cycle_id, rows, error, () if error else tuple(left), outcome)


def _try_job(settings: Settings, job: str, parameters: dict[str, Any], kernel: WarmKernel | None) -> EtlError | None:
    notebook = f"{NOTEBOOKS[job]}.ipynb"
    executed = settings.runs / parameters["cycle_id"] / notebook
    try:
        with storage.explaining(settings):
            _execute(settings, NOTEBOOK_FOLDER / notebook, executed, parameters, kernel)
    except EtlError as error:
        return error
    return None


def divide_parameters(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Which parameter goes to which job, after a check of every name and type.

    :raises ParameterError: see `run_cycle`.
    """
    known = {job: notebook_parameters(NOTEBOOK_FOLDER / f"{name}.ipynb") for job, name in NOTEBOOKS.items()}
    names = {name for kinds in known.values() for name in kinds} - {"feed", "cycle_id"}
    for name, value in parameters.items():
        if name not in names:
            raise ParameterError(
                f"No notebook has a parameter {name!r}.", remedy=f"Parameters: {', '.join(sorted(names))}."
            )
        for job, kinds in known.items():
            if name in kinds and not _fits(value, kinds[name]):
                raise ParameterError(
                    f"Parameter {name!r} of {NOTEBOOKS[job]} is {value!r}; it must be {kinds[name]}.",
                    remedy=f"Give it as -p {name}=VALUE, with a value of type {kinds[name]}.",
                )
    return {job: {name: value for name, value in parameters.items() if name in kinds} for job, kinds in known.items()}


def notebook_parameters(path: Path) -> dict[str, str]:
    """Name → type of every parameter of a notebook.

    :raises ParameterError: the notebook is missing, or has no cell tagged `parameters`.
    """
    if not path.is_file():
        raise ParameterError(f"There is no notebook {path.name}.", remedy="Restore notebooks/ from the repository.")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if not tagged:
        raise ParameterError(
            f"{path.name} has no cell tagged `parameters`.", remedy="Tag the cell that holds its parameters."
        )
    cell = ast.parse("".join(tagged[0]["source"]))
    return {
        node.target.id: ast.unparse(node.annotation)
        for node in cell.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def parse_value(text: str) -> Any:
    """A parameter from the command line: a Python literal where it is one, else text."""
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _ended(settings: Settings, cycle_id: str) -> tuple[tuple[dict[str, Any], ...], Outcome]:
    """The rows of `etl_log` of a cycle, in the order in which the jobs began, and what it left out."""
    engine = make_engine(settings)
    try:
        with transaction(engine) as connection:
            rows = cycle_log(connection, cycle_id)
            return rows, read_outcome(connection, rows)
    finally:
        dispose(engine)


def _fits(value: Any, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value).__name__ == kind


def _execute(
    settings: Settings, notebook: Path, executed: Path, parameters: dict[str, Any], kernel: WarmKernel | None
) -> None:
    """Run one notebook.

    :raises JobFailed: with the job's own cause and remedy, and the path of the executed copy.
    """
    # Papermill takes a second to import; a second cycle of a feed is refused before that.
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    shown = executed.relative_to(settings.home).as_posix()
    try:
        papermill.execute_notebook(
            _as_template(notebook),
            _as_template(executed),
            parameters,
            engine_name=ENGINE if kernel else None,
            kernel_name="python3",
            progress_bar=False,
            cwd=NOTEBOOK_FOLDER,
            config=_own_sockets(kernel_config()),
            # The kernel logs an error whenever it is asked to end; the job's own errors come as exceptions.
            extra_arguments=["--log-level=CRITICAL"],
            **({"warm_kernel": kernel} if kernel else {}),
        )
    except PapermillExecutionError as error:
        raise _job_failed(settings, error, shown) from error
    except KeyboardInterrupt as error:
        # The kernel was interrupted with us; what asyncio says of its last cell is no news.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise Interrupted(f"Interrupted during {notebook.stem}.", remedy="The next run takes what is left.") from error
    except DeadKernelError as error:
        raise JobFailed(
            f"The kernel of {notebook.name} died.",
            remedy="It may have run out of memory, or was killed. Run again: nothing is lost.",
            notebook=shown,
        ) from error
    except NoSuchKernel as error:
        raise ConfigurationError("Jupyter has no kernel `python3`.", remedy="Run `make setup`.") from error


def _as_template(path: Path) -> str:
    """A path for papermill, which puts parameters in place of names in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _job_failed(settings: Settings, error: PapermillExecutionError, notebook: str) -> JobFailed:
    """A job's error as it came through the kernel: as its type's name and its text."""
    cause, _, remedy = settings.mask(str(error.evalue)).partition("\n")
    kind = getattr(errors, error.ename, None)
    if not (isinstance(kind, type) and issubclass(kind, EtlError)):
        cause, remedy = f"{error.ename}: {cause}", "This is unexpected; the executed notebook shows where it happened."
    failed = JobFailed(cause, remedy=remedy, notebook=notebook)
    if isinstance(kind, type) and issubclass(kind, EtlError):
        failed.exit_code = kind.exit_code
    return failed


def warm_kernel(settings: Settings, contracts: Iterable[Contract]) -> WarmKernel:
    """A kernel for cycles of these feeds, which begins to start Spark at once if one of them needs it."""
    with_spark = any(contract.topic for contract in contracts)
    return WarmKernel(
        cycles=settings.kernel_cycles,
        memory_bytes=settings.kernel_memory_mb << 20,
        begin=f"import etl.namespace as _etl_namespace; _etl_namespace.begin(with_spark={with_spark})",
    )


def kernel_config() -> Config:
    """Kernels talk over sockets of the file system, which other users cannot connect to, instead of open TCP ports.

    Windows has none for ZeroMQ, and their paths may have little more than 100 characters.
    """
    from jupyter_core.paths import jupyter_runtime_dir
    from traitlets.config import Config

    config = Config()
    name = "kernel-00000000-0000-0000-0000-000000000000-ipc-1"
    if os.name != "nt" and len(jupyter_runtime_dir()) + 1 + len(name) < _SOCKET_PATH_LENGTH:
        config.KernelManager.transport = "ipc"
    return config


def _own_sockets(config: Config) -> Config:
    """Name the kernel's sockets like no other's; by default they are kernel-ipc-1 to -5 for every process that begins now."""
    from jupyter_core.paths import jupyter_runtime_dir

    if "KernelManager" in config:
        folder = Path(jupyter_runtime_dir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.KernelManager.connection_file = str(folder / f"kernel-{uuid4()}.json")
    return config


def _close_dead(settings: Settings, contract: Contract) -> None:
    """Close the row of a job whose kernel died with it."""
    engine = make_engine(settings)
    try:
        with (
            feed_lock(settings, contract.feed, "job", what="the cycle's end", wait_seconds=JOB_WAIT_SECONDS),
            transaction(engine) as connection,
        ):
            audit.close_dead(connection, settings, contract.feed)
    finally:
        dispose(engine)
