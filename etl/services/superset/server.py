"""Superset's web server, gunicorn on 127.0.0.1: started, checked, stopped by its id; or this process itself."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

import psutil

from etl.errors import ServiceUnavailable
from etl.services import process
from etl.services.process import Progress, Service
from etl.services.superset.environment import requirements_hash
from etl.settings import Settings
from etl.settings.packaged import packaged

CONFIG = packaged("superset", "superset_config.py")
_PORT = 8088
_START_SECONDS = 90.0
_TRIES = 3
# What programs need to run at all. The project's settings are left out: Superset must not get the loader's password.
_PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "SSL_CERT_FILE"),
    # Locations of ODBC drivers and of a Kerberos login.
    *("ODBCSYSINI", "ODBCINSTINI", "KRB5_CONFIG", "KRB5CCNAME"),
)


def folder(settings: Settings) -> Path:
    """The folder of Superset's files: secrets, connections, log."""
    return settings.services / "superset"


def log_file(settings: Settings) -> Path:
    return folder(settings) / "server.log"


def environment(settings: Settings) -> dict[str, str]:
    """The environment of everything that runs inside Superset."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "ETL_HOME": str(settings.home),
        "SUPERSET_CONFIG_PATH": str(CONFIG),
        "SUPERSET_HOME": str(folder(settings)),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }


def start(settings: Settings, python: Path, progress: Progress) -> Service:
    """A server that answers and runs with the current settings: the running one, or a new one.

    :raises ServiceUnavailable: it ended or did not answer in time; with the end of its log.
    """
    existing = running(settings)
    fingerprint = _fingerprint(settings)
    if (
        existing
        and _same(settings, fingerprint)
        and process.still_answers(existing, lambda: answers(existing), progress, seconds=_START_SECONDS)
    ):
        return existing
    stop(settings, progress)
    for attempt in range(_TRIES):
        # A port may be taken between the check and the start; then the log shows it and another one is tried.
        port = process.free_ports(1, [*_last_port(settings), _PORT] if attempt == 0 else ())[0]
        progress("starting Superset")
        try:
            service = _start_on(settings, python, port)
            break
        except ServiceUnavailable:
            if attempt == _TRIES - 1 or not process.port_was_taken(log_file(settings)):
                raise
    process.write_private(_fingerprint_file(settings), fingerprint)
    return service


def become(settings: Settings, python: Path, address: str) -> NoReturn:
    """Replace this process by the server.

    :param address: host:port on which it listens.
    """
    command = _command(settings, python, address)
    os.execve(command[0], command, environment(settings))  # noqa: S606 - no shell is meant


def stop(settings: Settings, progress: Progress) -> bool:
    """Stop the server and its workers; False if none was running."""
    service = running(settings)
    if service:
        progress("stopping Superset")
        process.terminate(service)
    # Workers of a killed master end by themselves, but keep the port for a while.
    process.end_group(_state(settings))
    _state(settings).unlink(missing_ok=True)
    return service is not None


def running(settings: Settings) -> Service | None:
    return process.recall(_state(settings))


def answers(service: Service) -> bool:
    try:
        with urllib.request.urlopen(f"{service.endpoint}/health", timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.read() == b"OK")
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _start_on(settings: Settings, python: Path, port: int) -> Service:
    log = log_file(settings)
    started = process.spawn(_command(settings, python, f"127.0.0.1:{port}"), log, env=environment(settings))
    endpoint = f"http://127.0.0.1:{port}"
    service = process.describe("superset", psutil.Process(started.pid), endpoint=endpoint, port=port, log=log)
    process.remember(_state(settings), service)
    _port_file(settings).write_text(str(port), "utf-8")
    process.wait_until(lambda: answers(service), started, log, name="Superset", port=port, seconds=_START_SECONDS)
    return service


def _command(settings: Settings, python: Path, address: str) -> list[str]:
    return [
        *(str(python), "-m", "gunicorn", "--chdir", str(folder(settings)), "--bind", address),
        *("--workers", "2", "--worker-class", "gthread", "--threads", "8"),
        *("--timeout", "120", "--graceful-timeout", "5", "--no-control-socket", "--log-level", "warning"),
        "superset.app:create_app()",
    ]


def _state(settings: Settings) -> Path:
    return settings.services / "superset.json"


def _port_file(settings: Settings) -> Path:
    return folder(settings) / "port"


def _last_port(settings: Settings) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ValueError):  # unknown: any free port serves
        return [int(_port_file(settings).read_text("utf-8"))]
    return []


def _fingerprint_file(settings: Settings) -> Path:
    return folder(settings) / "started-with"


def _same(settings: Settings, fingerprint: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return _fingerprint_file(settings).read_text("utf-8") == fingerprint
    return False


def _fingerprint(settings: Settings) -> str:
    """A hash of everything that the server reads only at its start. Keyed, because it includes a password."""
    metadata = json.loads((folder(settings) / "connections.json").read_text("utf-8"))["metadata"]
    key = (folder(settings) / "secret_key").read_bytes()
    content = hashlib.sha256(CONFIG.read_bytes()).hexdigest() + requirements_hash() + metadata
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()
