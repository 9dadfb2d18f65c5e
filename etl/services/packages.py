"""A virtual environment: created, filled by pip, and completed where an earlier attempt was interrupted.

`make setup` runs this file by itself, before any package is there, so it imports nothing but the standard library:
`python etl/services/packages.py VENV ARGUMENTS…`, where the arguments are those of `pip install`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_LAST_OF_JAVA = 0xFFFF
_PYPI = "https://pypi.org/simple"
_REASONS = {
    r"No space left on device": "the disk is full",
    r"CERTIFICATE_VERIFY_FAILED|SSLError": "its certificate is not trusted (PIP_CERT names a file of authorities)",
    r"Temporary failure in name resolution|Name or service not known|nodename nor servname": "its name is unknown here",
    r"Connection refused": "connection refused",
    r"Network is unreachable|No route to host": "no network",
    r"timed out|TimeoutError": "no answer in time",
    r"407 |Proxy Authentication Required": "the proxy asks for a login",
    r"IncompleteRead|ChunkedEncoding|RemoteDisconnected|Connection (?:reset|aborted|broken)|incomplete|is invalid\.": "",
}
"""What pip prints → what it means; empty: a download was cut in the middle, which old versions of pip see as an invalid file."""


class InstallError(Exception):
    """An environment could not be created or filled; `cause` and `remedy` are written for people."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create(folder: Path, python: str) -> None:
    """Create the environment, unless there is one whose Python and pip run.

    :param python: the program to create it with.
    :raises InstallError: it cannot be created in this folder.
    """
    if os.pathsep in str(folder.absolute()):
        raise InstallError(
            f"{folder.absolute()} has {os.pathsep!r} in its path, which separates folders in PATH and Java's class path.",
            "Rename the folder, or move the project to another one.",
        )
    if any(ord(letter) > _LAST_OF_JAVA for letter in str(folder.absolute())):
        raise InstallError(
            f"{folder.absolute()} has a letter beyond U+FFFF in its path, such as an emoji, which Java's class path cannot hold.",
            "Rename the folder, or move the project to another one.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Such as a link to a folder that is not there any more.
        raise InstallError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            "Remove what is in its place, or name another folder.",
        ) from None
    with exclusively(folder):
        if _runs([str(python_of(folder)), "-m", "pip", "--version"]):
            return
        # Cleared: one that was interrupted has a Python and no pip.
        created = _run([python, "-m", "venv", "--clear", str(folder)])
        if created.returncode != 0:
            raise InstallError(
                f"{python} could not create a virtual environment in {folder}:\n{_end(created.stdout)}",
                "Install Python's venv (Debian, Ubuntu: apt-get install python3-venv), check disk and permissions; then repeat.",
            )


def install(folder: Path, arguments: Sequence[str]) -> None:
    """Let pip install something. What an interrupted pip left half-installed is installed again; what is complete, stays.

    :param arguments: those of `pip install`.
    :raises InstallError: with the host that was not reached, or pip's own error.
    """
    with exclusively(folder), _temporary(folder) as temporary:
        _remove_halves(folder)
        pip = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
        done = _run([*pip, "install", *arguments], TMPDIR=str(temporary))
        if done.returncode != 0:
            raise InstallError(_cause(pip, folder, done.stdout), _REMEDY)


_REMEDY = (
    "Repeat the command when that is put right; it continues where it stopped. Behind a proxy, set HTTPS_PROXY (and NO_PROXY);"
    " for a mirror of PyPI, set PIP_INDEX_URL, or PIP_CONFIG_FILE to a file that names it;"
    " for a folder of packages, set PIP_NO_INDEX=1 and PIP_FIND_LINKS (docs/first-contact.md)."
)


def _cause(pip: list[str], folder: Path, output: str) -> str:
    """What failed: one line where the network or the disk is to blame, else the end of what pip printed."""
    name = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
    what = f"Packages could not be installed in {name}"
    reason = next((meaning for pattern, meaning in _REASONS.items() if re.search(pattern, output)), None)
    if reason is None:
        return f"{what}:\n{_end(output)}"
    if "disk" in reason:
        return f"{what}: {reason}."
    hosts = re.findall(r"host='([^']+)'", output)
    index = os.environ.get("PIP_INDEX_URL") or _configured(pip) or _PYPI
    host = hosts[-1] if hosts else urlsplit(index).hostname or index
    if not reason:
        return f"{what}: a download from {host}{_by_proxy(host)} was cut."
    return f"{what}: {host}{_by_proxy(host)} was not reached: {reason}."


def _by_proxy(host: str) -> str:
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    return f" through the proxy {urlsplit(proxy).hostname}:{urlsplit(proxy).port}" if proxy else ""


def _configured(pip: list[str]) -> str:
    """The index of pip's own configuration file, if it has one."""
    run = subprocess.run([*pip, "config", "get", "global.index-url"], capture_output=True, text=True, check=False)
    return run.stdout.strip()


def _remove_halves(folder: Path) -> None:
    """Remove what makes pip believe that a package is complete: it writes RECORD last, and renames what it replaces to `~…`."""
    for packages in (*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")):
        for path in packages.iterdir():
            half = path.suffix == ".dist-info" and not (path / "RECORD").exists()
            if path.is_dir() and (half or path.name.startswith("~")):
                shutil.rmtree(path)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder for what pip unpacks and builds, hundreds of megabytes; what a killed pip left there is removed."""
    temporary = folder.absolute() / ".tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


held: list[int] = []
"""Descriptors of locks, for `pass_fds`: a program inherits them, so that others wait for it even if its parent is killed."""


@contextlib.contextmanager
def exclusively(folder: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock on a folder that exists.

    :param waiting: is called if another process holds it.
    """
    if os.name == "nt":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        held.append(descriptor)
        yield
    finally:
        if descriptor in held:
            held.remove(descriptor)
        os.close(descriptor)


def _run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **env},
        pass_fds=held,
        check=False,
    )


def _runs(command: list[str]) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def _end(output: str) -> str:
    return "\n".join(line for line in output.strip().splitlines() if "Retrying" not in line)[-800:]


def main(folder: str, *arguments: str) -> int:
    """Create the environment with this Python, and install; returns the exit code."""
    try:
        create(Path(folder), sys.executable)
        install(Path(folder), arguments)
    except InstallError as error:
        sys.stderr.write(f"Error: {error.cause}\nRemedy: {error.remedy}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; the next `make setup` continues.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
