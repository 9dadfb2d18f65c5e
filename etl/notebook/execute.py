"""Notebooks executed by papermill, in kernels that this project starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from etl import errors
from etl.errors import ConfigurationError, EtlError, Interrupted, JobFailed
from etl.notebook.kernel import ENGINE, WarmKernel
from etl.notebook.light_imports import light_imports
from etl.settings import Settings, logs
from etl.settings.packaged import notebook_folder, packaged

if TYPE_CHECKING:
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from etl.contract.reader import Contract

NOTEBOOK_FOLDER = packaged("notebooks")
"""The packaged ones; a project may have its own (`notebook_file`)."""

_ARGUMENTS = ["--log-level=CRITICAL"]
"""Of the kernel's program. The kernel logs an error whenever it is asked to end; errors of the job are raised as exceptions."""
_LAST_OUTPUT_SECONDS = 60
"""From a cell's reply to the end of its output. On a busy machine, nbclient's 4 seconds fail a job that has succeeded."""
_SOCKET_PATH_LENGTH = 104
"""macOS allows 104 bytes with the closing NUL, Linux 108 (`sockaddr_un.sun_path`)."""


def execute(
    settings: Settings, notebook: Path, executed: Path, parameters: dict[str, Any], kernel: WarmKernel | None
) -> None:
    """Run one notebook.

    :raises JobFailed: with the job's own cause and remedy, and the path of the executed copy.
    """
    # Papermill takes long to import; a second cycle of a feed is refused before that.
    with light_imports():
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
            cwd=notebook_folder(settings.home),
            config=_own_sockets(kernel_config()),
            extra_arguments=_ARGUMENTS,
            stderr_file=logs.Forwarded() if logs.in_json() else None,
            iopub_timeout=_LAST_OUTPUT_SECONDS,
            **({"warm_kernel": kernel} if kernel else {}),
        )
    except PapermillExecutionError as error:
        raise _job_failed(settings, error, shown) from error
    except KeyboardInterrupt as error:
        # The kernel was interrupted together with this process; asyncio's message about its last cell says nothing new.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise Interrupted(f"Interrupted during {notebook.stem}.", remedy="The next run takes what is left.") from error
    except DeadKernelError as error:
        raise JobFailed(
            f"The kernel of {notebook.name} died.",
            remedy="It may have run out of memory, or was killed. Run again: nothing is lost.",
            notebook=shown,
        ) from error
    except NoSuchKernel as error:
        raise ConfigurationError(
            "Jupyter has no kernel `python3`.", remedy="Run `make setup`, or install the package again."
        ) from error


def warm_kernel(settings: Settings, contracts: Iterable[Contract], *, for_few_messages: bool = False) -> WarmKernel:
    """A kernel for cycles of these feeds. It starts Spark at once if one of them needs it.

    :param for_few_messages: Spark begins faster, and reads many messages more slowly.
    """
    with_spark = any(contract.source.needs_spark for contract in contracts)
    return WarmKernel(
        cycles=settings.kernel_cycles,
        memory_bytes=settings.kernel_memory_mb << 20,
        begin="import etl.notebook.kernel_state as _etl_namespace; _etl_namespace.begin"
        f"(with_spark={with_spark}, for_few_messages={for_few_messages})",
    )


def start_ahead(settings: Settings, kernel: WarmKernel | None) -> None:
    """Start the kernel of the first notebook, and Spark with it, while other things are prepared."""
    if kernel:
        kernel.start_ahead(notebook_folder(settings.home), _own_sockets(kernel_config()), _ARGUMENTS)


def _as_template(path: Path) -> str:
    """A path for papermill, which replaces names in braces by parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _job_failed(settings: Settings, error: PapermillExecutionError, notebook: str) -> JobFailed:
    """A job's error as the kernel passes it on: the name of its type and its text."""
    cause, _, remedy = settings.mask(str(error.evalue)).partition("\n")
    kind = getattr(errors, error.ename, None)
    if not (isinstance(kind, type) and issubclass(kind, EtlError)):
        cause, remedy = f"{error.ename}: {cause}", "This is unexpected; the executed notebook shows where it happened."
    failed = JobFailed(cause, remedy=remedy, notebook=notebook)
    if isinstance(kind, type) and issubclass(kind, EtlError):
        failed.exit_code = kind.exit_code
    return failed


def kernel_config() -> Config:
    """Kernels communicate over Unix sockets, which other users cannot connect to, instead of open TCP ports.

    ZeroMQ does not support them on Windows, and their paths are limited to little more than 100 characters.
    """
    from jupyter_core.paths import jupyter_runtime_dir
    from traitlets.config import Config

    config = Config()
    name = "kernel-00000000-0000-0000-0000-000000000000-ipc-1"
    if os.name != "nt" and len(jupyter_runtime_dir()) + 1 + len(name) < _SOCKET_PATH_LENGTH:
        config.KernelManager.transport = "ipc"
    return config


def _own_sockets(config: Config) -> Config:
    """Give the kernel's sockets unique names; by default they are kernel-ipc-1 to -5 for every process that starts."""
    from jupyter_core.paths import jupyter_runtime_dir

    if "KernelManager" in config:
        folder = Path(jupyter_runtime_dir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.KernelManager.connection_file = str(folder / f"kernel-{uuid4()}.json")
    return config
