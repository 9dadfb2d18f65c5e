"""Apache Superset for the audit log and the readings: installed, configured, filled with the dashboards, served.

Only what is not done yet is done, so repeating a call changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from etl.errors import ConfigurationError, IntegrityError
from etl.services.process import Progress, Service
from etl.services.superset import assets, environment, keys, manage, server, user_database
from etl.services.superset.check import require_sound
from etl.services.superset.databases import Connections, Memory, ensure
from etl.services.superset.server import log_file, running
from etl.settings import Settings
from etl.settings.packaged import packaged

__all__ = ["Ready", "delete_data", "export", "log_file", "prepare", "running", "stop", "up"]

ROLES = packaged("superset", "roles.json")


@dataclass(frozen=True)
class Ready:
    """A Superset that answers."""

    service: Service
    counts: dict[str, int]
    """Number of datasets, charts and dashboards in the files; Superset has all of them."""
    dashboards: dict[str, str]
    """Address by title."""
    changed: tuple[str, ...]
    """What had to be done: "installed", "prepared", "users", "imported", "connected", "started"."""
    sign_in_file: Path
    """The users and their passwords."""


@dataclass(frozen=True)
class _Work:
    """What all steps need."""

    settings: Settings
    folder: Path
    python: Path
    connections: Connections
    memory: Memory
    progress: Progress


def up(
    settings: Settings, database: Service, progress: Progress, *, force: bool = False, folder: Path = assets.FOLDER
) -> Ready:
    """Serve the dashboards of a folder with Superset, on 127.0.0.1. If everything is done already, this takes a second.

    :param database: the embedded PostgreSQL; it holds Superset's own metadata, wherever the data are.
    :param force: import the assets although nothing changed: they replace what was edited in the browser.
    :raises ConfigurationError: an asset is faulty; nothing of it was imported.
    :raises IntegrityError: Superset left something out.
    """
    product = user_database.product_of_data(settings)
    bundle = assets.for_product(assets.read(folder), product)
    require_sound(bundle)
    uuids = bundle.uuids()
    with _exclusively(settings):
        changed = []
        if not environment.is_current(settings, product.name):
            server.stop(settings, progress)
            changed.append("installed")
        work = _begin(settings, database, progress)
        changed += _bring_up_to_date(work, bundle, force=force)
        before = running(settings)
        service = server.start(settings, work.python, progress)
        if service != before:
            changed.append("started")
    return Ready(
        service=service,
        counts={kind: len(uuids[kind]) for kind in ("dashboards", "charts", "datasets")},
        dashboards=_addresses(bundle, service),
        changed=tuple(changed),
        sign_in_file=keys.sign_in_file(work.folder),
    )


def prepare(settings: Settings, progress: Progress, *, folder: Path = assets.FOLDER) -> Path:
    """Bring everything up to date as `up` does, and start no server: for containers. Returns the Python that can run it.

    :raises ConfigurationError: metadata or data would be in the embedded PostgreSQL; or as for `up`.
    """
    if not settings.superset_metadata_url or not settings.superset_database_url:
        raise ConfigurationError(
            "In the foreground Superset uses no embedded PostgreSQL, and your own databases are not set.",
            remedy="Set ETL_SUPERSET_METADATA_URL and ETL_SUPERSET_DATABASE_URL (docs/containers.md).",
        )
    bundle = assets.for_product(assets.read(folder), user_database.product_of_data(settings))
    require_sound(bundle)
    with _exclusively(settings):
        work = _begin(settings, None, progress)
        _bring_up_to_date(work, bundle, force=False)
    return work.python


def export(settings: Settings, database: Service, progress: Progress, *, folder: Path = assets.FOLDER) -> list[str]:
    """Write Superset's dashboards back to the files of a folder; returns the paths that changed.

    :raises ConfigurationError: there is nothing to export yet.
    """
    with _exclusively(settings):
        if not environment.is_current(settings, user_database.product_of_data(settings).name):
            raise ConfigurationError("Superset is not set up yet.", remedy="Run `python -m etl dashboards` first.")
        work = _begin(settings, database, progress)
        if "assets" not in work.memory.read():
            raise ConfigurationError(
                "Superset holds no dashboards yet.", remedy="Run `python -m etl dashboards` first."
            )
        progress("exporting dashboards")
        result = manage.run(settings, work.python, {"export": True})
        product = work.connections.product
        bundle = assets.normalised(result.files, assets.read(folder), product.schema)
        changed = assets.write(folder, bundle)
        # The files now equal what Superset has: no import is needed.
        work.memory.write(assets=assets.for_product(bundle, product).sha256, imported=bundle.uuids())
    return changed


def stop(settings: Settings, progress: Progress) -> bool:
    """Stop the server; False if none was running."""
    if not server.folder(settings).is_dir():
        return False
    with _exclusively(settings):
        stopped = server.stop(settings, progress)
        _connections_file(settings).unlink(missing_ok=True)
    return stopped


def delete_data(settings: Settings) -> None:
    """Remove secrets, connections and log; the virtual environment stays. The metadata go with the embedded PostgreSQL."""
    folder = server.folder(settings)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path != environment.venv_folder(settings):
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def _begin(settings: Settings, database: Service | None, progress: Progress) -> _Work:
    folder = server.folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.secret(folder / "secret_key")
    # First: its errors are reported before 800 MB are installed.
    connections = ensure(settings, folder, database, progress)
    python = environment.ensure(settings, connections.product.name, progress)
    connections.write(_connections_file(settings))
    return _Work(settings, folder, python, connections, Memory(connections), progress)


def _connections_file(settings: Settings) -> Path:
    return server.folder(settings) / "connections.json"


@contextmanager
def _exclusively(settings: Settings) -> Iterator[None]:
    server.folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(settings.services / "superset.lock", timeout=900):
        yield


def _bring_up_to_date(work: _Work, bundle: assets.Bundle, *, force: bool) -> list[str]:
    """Do what is not done yet, in one job, and record that it is done."""
    memory = work.memory.read()
    job: dict[str, Any] = {}
    changed = []
    roles = _roles(work.connections.product.schema)
    version = _version(roles)
    if memory.get("version") != version:
        server.stop(work.settings, work.progress)
        job["prepare"] = json.loads(roles)
        changed.append("prepared")
    passwords, new = keys.passwords(work.folder, work.settings.superset_admin_password)
    if new or "users" not in memory:
        job["users"] = {n: {"role": role, "password": passwords[n]} for n, role in keys.USERS.items()}
        changed.append("users")
    if force or memory.get("assets") != bundle.sha256:
        job["import"] = assets.with_target(bundle, work.connections.data_url)
        job["obsolete"] = _obsolete(memory.get("imported", {}), bundle.uuids())
        changed.append("imported")
    elif memory.get("target") != work.connections.data_url:
        changed.append("connected")
    if not changed:
        return []
    job["connect"] = {"uuid": bundle.uuids()["databases"][0], "url": work.connections.data_url}
    work.progress("setting up Superset" if "prepare" in job else "importing dashboards")
    result = manage.run(work.settings, work.python, job)
    if "prepare" in job:
        work.memory.write(version=version)
    if "users" in job:
        work.memory.write(users=sorted(keys.USERS))
    _require_all(bundle, result)
    work.memory.write(assets=bundle.sha256, imported=bundle.uuids(), target=work.connections.data_url)
    return changed


def _roles(schema: str) -> str:
    """The roles, as JSON, with the schema of the data that they may see."""
    return ROLES.read_text("utf-8").replace(f"[etl].[{assets.SCHEMA}]", f"[etl].[{schema}]")


def _version(roles: str) -> str:
    """The version of what `prepare` does: Superset itself, and the roles."""
    return hashlib.sha256(environment.requirements_hash().encode() + roles.encode()).hexdigest()


def _obsolete(imported: dict[str, list[str]], wanted: dict[str, list[str]]) -> dict[str, list[str]]:
    """Assets that came from the files and are no longer in them. What people created in the browser stays."""
    return {kind: sorted(set(uuids) - set(wanted[kind])) for kind, uuids in imported.items()}


def _require_all(bundle: assets.Bundle, result: manage.Result) -> None:
    """Check that Superset has every asset of the files: it silently drops some faulty ones."""
    if result.errors:
        raise ConfigurationError(
            "Superset refuses the dashboards:\n" + "\n".join(result.errors[:10]),
            remedy="Correct the files in superset/assets; nothing was imported.",
        )
    paths = bundle.paths()
    lost = [paths[uuid] for kind, uuids in bundle.uuids().items() for uuid in set(uuids) - set(result.present[kind])]
    if lost:
        raise IntegrityError(
            f"Superset left out {len(lost)} of {len(paths)} assets: {', '.join(sorted(lost)[:10])}.",
            remedy="Compare these files with those that were imported.",
        )


def _addresses(bundle: assets.Bundle, service: Service) -> dict[str, str]:
    dashboards = bundle.documents("dashboards").values()
    return {
        doc["dashboard_title"]: f"{service.endpoint}/superset/dashboard/{doc.get('slug') or doc['uuid']}/"
        for doc in dashboards
    }
