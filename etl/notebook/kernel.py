"""A kernel that is kept from notebook to notebook, and from cycle to cycle, as long as it is healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_client.manager import AsyncKernelManager, KernelManager
    from traitlets.config import Config

ENGINE = "etl-warm"
"""The name under which papermill knows the engine that uses such a kernel."""
_NO_HISTORY = ["--HistoryManager.hist_file=:memory:"]
"""As nbclient starts its kernels: nothing of a notebook is left in the user's history."""


@dataclass(frozen=True)
class Usage:
    """What several processes use together: resident memory in bytes (shared memory counts for each), open files, threads."""

    memory: int = 0
    handles: int = 0
    threads: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.memory + other.memory, self.handles + other.handles, self.threads + other.threads)


class WarmKernel:
    """Keeps a kernel for the engine `etl-warm`. Use it in a `with`, which ends the kernel.

    A kernel is ended, and the next notebook begins with a fresh one, after any failure, after `cycles` cycles, when its
    processes together hold more than `memory_bytes` at the end of a cycle, and when one of them has died meanwhile.
    """

    def __init__(self, *, cycles: int | None = None, memory_bytes: int | None = None, begin: str = "") -> None:
        """:param begin: code that a fresh kernel runs before its first notebook."""
        self.tell: Callable[[str], None] = lambda why: None
        """Receives the reason why a kernel was ended although nothing had failed."""
        self._cycles = cycles
        self._memory_bytes = memory_bytes
        self._begin = begin
        self._client: Any = None
        self._ahead: AsyncKernelManager | None = None
        self._companions: list[psutil.Process] = []
        self.cycles_done = 0
        """Number of cycles of the current kernel."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def manager(self) -> KernelManager | None:
        """The kernel that is kept; None if the next notebook has to start one."""
        if self._client is not None and not self._is_sound():
            self.close()
        return self._client.km if self._client is not None else self._ahead

    def start_ahead(self, folder: Path, config: Config, arguments: Sequence[str]) -> None:
        """Start a kernel for the first notebook, and do not wait for it. If it does not start, that notebook tries again.

        :param folder: in which the kernel runs.
        :param arguments: of the kernel's program.
        """
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_core.utils import run_sync

        begin = [f"--IPKernelApp.exec_lines={self._begin}"] if self._begin else []
        manager = AsyncKernelManager(config=config, kernel_name="python3")
        with suppress(NoSuchKernel, OSError):
            run_sync(manager.start_kernel)(extra_arguments=[*arguments, *_NO_HISTORY, *begin], cwd=str(folder))
            self._ahead = manager

    def lend(self, client: Any) -> None:
        """Give the kernel to a notebook's client, or let the client start one."""
        if self._client is not None:
            client.kc = self._client.kc
        self._client, self._ahead = client, None
        with client.setup_kernel(cleanup_kc=False):
            if self._begin and not self._companions:
                client.run_hidden(self._begin)
        self._companions = self._companions or self._processes()[:1]

    def end_cycle(self) -> None:
        """Measure what the kernel uses, and end it if that is too much, or after its last cycle."""
        if self._client is None:
            return
        self.cycles_done += 1
        # Spark's start script leaves a zombie: a child that has ended and that nobody waits for.
        self._companions = list(filter(_is_alive, self._processes()))
        memory = self.usage().memory
        if self._cycles is not None and self.cycles_done >= self._cycles:
            self._give_up(f"{self.cycles_done:,} cycles")
        elif self._memory_bytes is not None and memory > self._memory_bytes:
            self._give_up(f"{memory >> 20:,} MB of memory")

    def _give_up(self, why: str) -> None:
        self.close()
        self.tell(f"the next cycle gets a fresh kernel, after {why}")

    def usage(self) -> Usage:
        """What the kernel and Spark's JVM use now; zeros if no kernel is kept."""
        return sum((usage(process) for process in self._processes()), Usage())

    @contextmanager
    def ended_on_error(self) -> Iterator[None]:
        """End the kernel if the work with it fails or is interrupted."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def end_companions(self) -> None:
        """Ask the processes that the kernel has started to end, and do not wait: no further notebook needs them."""
        companions = self._processes()[1:]
        for process in companions:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        self._companions = [process for process in self._companions if process not in companions]

    def close(self) -> None:
        """Ask the kernel to end, and kill it after some seconds or on an interrupt. Spark's JVM ends with it."""
        client, self._client = self._client, None
        ahead, self._ahead = self._ahead, None
        self._companions, self.cycles_done = [], 0
        if ahead is not None:
            _kill(ahead)
        if client is None or client.km is None:
            return
        try:
            client._cleanup_kernel()
        except KeyboardInterrupt:
            client.shutdown_kernel = "immediate"
            client._cleanup_kernel()

    def _processes(self) -> list[psutil.Process]:
        provisioner = self._client and self._client.km and self._client.km.provisioner
        if not provisioner or not provisioner.pid:
            return []
        with suppress(psutil.NoSuchProcess):
            kernel = psutil.Process(provisioner.pid)
            return [kernel, *kernel.children(recursive=True)]
        return []

    def _is_sound(self) -> bool:
        """Whether the kernel and the processes that it had at the end of the last cycle are alive: Spark needs its JVM."""
        return bool(self._companions) and all(map(_is_alive, self._companions))


def _kill(manager: AsyncKernelManager) -> None:
    """End a kernel that has run nothing."""
    from jupyter_core.utils import run_sync

    run_sync(manager.shutdown_kernel)(now=True)


def usage(process: psutil.Process) -> Usage:
    """What one process uses; zeros if it has ended."""
    try:
        with process.oneshot():
            handles = getattr(process, "num_fds", lambda: 0)()  # Windows counts something else
            return Usage(process.memory_info().rss, handles, process.num_threads())
    except psutil.Error:
        return Usage()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
