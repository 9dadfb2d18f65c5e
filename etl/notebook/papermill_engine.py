"""The papermill engine `etl-warm`: notebooks one after the other in one kernel.

Papermill finds it by its entry point (pyproject.toml) and imports it while it is itself being imported; import
`papermill`, never this module.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger

from etl.errors import PermanentError
from etl.notebook.kernel import WarmKernel

CLEAR = "import etl.notebook.kernel_state as _etl_namespace; _etl_namespace.clear()"
_CLEAR_SECONDS = 60


class WarmEngine(NBClientEngine):  # type: ignore[misc]
    """Like papermill's default engine, but the kernel stays for the next notebook, which starts with an empty namespace."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        warm_kernel: WarmKernel | None = None,
        **options: Any,
    ) -> None:
        """Run a notebook; after a failure or an interrupt the kernel is ended.

        :param warm_kernel: keeps the kernel; without it, the notebook gets a new one.
        :param options: of nbclient; options for starting the kernel matter for its first notebook only.
        """
        keeping = nullcontext(warm_kernel) if warm_kernel else WarmKernel()
        with keeping as keeper, keeper.ended_on_error():
            client = _Client(
                nb_man,
                **{name: value for name, value in options.items() if name not in ("input_path", "timeout")},
                km=keeper.manager,
                timeout=execution_timeout or options.get("timeout"),
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=logger,
                log_output=log_output,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
            )
            keeper.lend(client)
            client.execute(cleanup_kc=False)
            if nb_man.nb.metadata.papermill.get("exception"):
                keeper.close()
            else:
                client.timeout = _CLEAR_SECONDS
                client.run_hidden(CLEAR)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    def run_hidden(self, code: str) -> None:
        """Run code that does not appear in the notebook.

        :raises PermanentError: it fails.
        """
        reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))
        if not reply or reply["content"]["status"] != "ok":
            raise PermanentError(
                "The kernel could not be prepared.", remedy="Run again, if necessary with --fresh-kernels."
            )
