"""A service in a separate process: started, recorded by id, stopped by id."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from etl.errors import ServiceUnavailable

Progress = Callable[[str], None]
"""Receives a few words about the current step; what follows "…" is progress within the same step."""

STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Service:
    """A running service. Pid and creation time together identify a process permanently; a pid alone is reused."""

    name: str
    pid: int
    created: float
    endpoint: str = field(repr=False)
    """The address for clients; may contain a password."""
    port: int
    log: str

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended."""
        try:
            candidate = psutil.Process(self.pid)
            alive = abs(candidate.create_time() - self.created) < 1.0 and candidate.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return candidate if alive else None


def remember(file: Path, service: Service) -> Service:
    """Record a service in a file that only its owner can read: an endpoint may contain a password."""
    write_private(file, json.dumps(asdict(service)))
    return service


def recall(file: Path) -> Service | None:
    """The service recorded in `file` if it is still running; a stale or incomplete file counts as none."""
    try:
        service = Service(**json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return service if service.process() else None


def describe(name: str, process: psutil.Process, *, endpoint: str, port: int, log: Path) -> Service:
    return Service(name, process.pid, process.create_time(), endpoint, port, str(log))


def terminate(service: Service, *, seconds: float = STOP_SECONDS) -> None:
    """Ask the process to end; kill it if it does not end in time."""
    process = service.process()
    if process is None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(seconds)


def end_group(file: Path, *, seconds: float = STOP_SECONDS) -> None:
    """End what is left of the process group of a recorded service, after its first process has ended."""
    try:
        service = Service(**json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return
    # The group's number is not reused while the group has members, so these belong to the service.
    members = [] if os.name == "nt" or service.process() else list(_members(service))
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(members, seconds)


def _members(service: Service) -> Iterator[psutil.Process]:
    for member in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(member.pid) == service.pid and member.create_time() >= service.created - 1.0:
                yield member


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600, completely or not at all."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    temporary.replace(file)


def spawn(
    command: list[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, with its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(env) if env is not None else None,
            cwd=cwd,
        )


def free_ports(count: int, preferred: Iterable[int] = ()) -> list[int]:
    """Free ports of 127.0.0.1, those used before first, so that addresses stay valid."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in [*preferred, *[0] * count]:
            if len(ports) == count:
                break
            probe = held.enter_context(socket.socket())
            if os.name != "nt":
                # The port of a service that has just ended counts as free in spite of its old connections (on Windows always).
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # taken: the next candidate serves as well
                probe.bind(("127.0.0.1", port))
                ports.append(probe.getsockname()[1])
    return ports


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, *, name: str, port: int, seconds: float
) -> None:
    """Wait until the process listens at its port and is `ready()`.

    What answers there may be another home's service, which took the port while this one was starting.

    :raises ServiceUnavailable: the process ended, or was not ready in time; with the last lines of the log.
    """
    deadline = time.monotonic() + seconds
    while not (_has_port(process.pid, port) and ready()):
        if process.poll() is not None:
            raise ServiceUnavailable(f"{name} ended while starting:\n{tail(log)}", remedy=f"Its log: {log}")
        if time.monotonic() > deadline:
            process.kill()
            raise ServiceUnavailable(
                f"{name} did not answer in {seconds:.0f} s:\n{tail(log)}", remedy=f"Its log: {log}"
            )
        time.sleep(0.1)


def _has_port(pid: int, port: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        connections = psutil.Process(pid).net_connections("tcp")
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)
    return False


def still_answers(service: Service, answers: Callable[[], bool], progress: Progress, *, seconds: float) -> bool:
    """Whether a running service answers before its process ends and the time is over. What is only slow must not be ended."""
    deadline = time.monotonic() + seconds
    if answers():
        return True
    progress(f"waiting for {service.name.capitalize()}")
    while service.process() and time.monotonic() < deadline:
        if answers():
            return True
        time.sleep(0.1)
    return False


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def port_was_taken(log: Path) -> bool:
    """Whether a start that failed found one of its ports taken. Kafka writes more than an error shows after that line."""
    return "already in use" in tail(log, 300).lower()


def listens(address: str) -> bool:
    """Whether something accepts connections at host:port."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
