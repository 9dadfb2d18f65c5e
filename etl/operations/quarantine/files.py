"""Landing files, batches and archives that were set aside (`etl.audit.set_aside`): list them, and have them processed again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from etl.audit.set_aside import ARCHIVE, BATCH, FAILING, LANDING_FILE, RESOLVED, RETRIED, SET_ASIDE
from etl.contract.reader import load_contract
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_set_aside
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.archive_file import ArchiveFile
from etl.storage.landing_folder import folder_of, put_back, require_landing_folder, shown, waiting
from etl.storage.locks import JOB_WAIT_SECONDS, feed_lock

_entry = etl_set_aside.c
_EARLIER = "It was set aside by an earlier version; the notes of that time in etl_log say why."
_INSTEAD = {
    FAILING: ("has failed once, and is not set aside.", "The next job tries it again."),
    RETRIED: (
        "was retried already.",
        "The next cycle processes it; `quarantine list --files` shows it if it fails again.",
    ),
    RESOLVED: ("has been processed since.", "There is nothing to do."),
}


@dataclass(frozen=True)
class Retried:
    """What the next job of a feed processes again."""

    feed: str
    kind: str
    name: str


def find(settings: Settings, *, feed: str | None = None) -> list[dict[str, Any]]:
    """What is set aside, newest first, each with the columns of `etl_set_aside`."""
    query = select(etl_set_aside).where(_entry.status == SET_ASIDE).order_by(_entry.set_aside_at.desc())
    with connected(settings, "quarantine") as connection:
        recorded = set(connection.execute(select(_entry.feed, _entry.name)).tuples())
        entries = [dict(row) for row in connection.execute(query).mappings()]
    entries += _of_earlier_versions(settings, recorded)
    return [row for row in entries if feed in (None, row["feed"])]


def retry(settings: Settings, name: str, *, feed: str | None = None, kind: str | None = None) -> Retried:
    """Have something that was set aside processed again by the next job, with two new attempts.

    :param name: as `find` returns it.
    :raises ConfigurationError: nothing of this name is set aside, several items are, or it is gone.
    :raises AlreadyRunning: a job of the feed is running, and does not end within half a minute.
    """
    named = [row for row in find(settings, feed=feed) if row["name"] == name and kind in (None, row["kind"])]
    if not named:
        raise _nothing(settings, name, feed)
    if len(named) > 1:
        places = ", ".join(f"--feed {row['feed']} --kind {row['kind']}" for row in named)
        raise ConfigurationError(f"Several items named {name} are set aside.", remedy=f"Add one of: {places}.")
    row = named[0]
    with (
        files.private(),
        feed_lock(settings, row["feed"], "job", what=f"retry of {name}", wait_seconds=JOB_WAIT_SECONDS),
        connected(settings, "quarantine") as connection,
    ):
        _mark(connection, row)
        # Before the commit: if that fails, the next job finds a moved item that is set aside, and moves it away again.
        _put_back(settings, row)
    return Retried(row["feed"], row["kind"], name)


def _mark(connection: Connection, row: dict[str, Any]) -> None:
    if row["set_aside_id"] is None:
        return
    done = connection.execute(
        update(etl_set_aside)
        .where(_entry.set_aside_id == row["set_aside_id"], _entry.status == SET_ASIDE)
        .values(status=RETRIED, attempts=0, decided_at=datetime.now(UTC))
    )
    if not done.rowcount:
        raise ConfigurationError(f"{row['name']} was retried already.", remedy=_INSTEAD[RETRIED][1])


def _put_back(settings: Settings, row: dict[str, Any]) -> None:
    """Move it to where the next job looks for it.

    :raises ConfigurationError: it is gone.
    """
    feed, name = row["feed"], row["name"]
    quarantine, output = manifests.quarantine(settings, feed), manifests.feed_output(settings, feed)
    if row["kind"] == ARCHIVE:
        if not ArchiveFile(manifests.feed_backup(settings, feed), name).exists():
            raise _gone(name, f"backup/{feed}/", f"{name} and its manifest")
    elif row["kind"] == BATCH:
        if (quarantine / name).is_dir():
            files.move_folder(quarantine / name, output / name)
        elif not (output / name).is_dir():
            raise _gone(name, f"backup/{feed}/{manifests.QUARANTINE}/ or output/{feed}/", "the folder")
    else:
        source = require_landing_folder(load_contract(feed, settings))
        if file := _named(quarantine, name):
            put_back(settings, source, file, file.relative_to(quarantine))
        elif not any(
            shown(path.relative_to(folder_of(settings, source))) == name for path in waiting(settings, source)
        ):
            raise _gone(name, f"backup/{feed}/{manifests.QUARANTINE}/", "the file")


def _named(folder: Path, name: str) -> Path | None:
    return next((path for path in _files(folder) if shown(path.relative_to(folder)) == name), None)


def _files(folder: Path) -> Iterator[Path]:
    """The landing files that were set aside; folders that are batches have none."""
    for top, folders, names in os.walk(folder):
        if Path(top) == folder:
            folders[:] = [name for name in folders if not name.startswith(manifests.BATCH_PREFIX)]
        yield from (Path(top, name) for name in names)


def _of_earlier_versions(settings: Settings, recorded: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Landing files that were moved away by a version that had no table `etl_set_aside`."""
    for folder in sorted(settings.backup.glob(f"*/{manifests.QUARANTINE}")):
        feed = folder.parent.name
        for path in sorted(_files(folder)):
            name = shown(path.relative_to(folder))
            if (feed, name) in recorded or path.name.startswith(files.TEMPORARY_PREFIX):
                continue
            since = datetime.fromtimestamp(path.lstat().st_ctime, UTC)
            times = dict.fromkeys(("first_failed_at", "last_failed_at", "set_aside_at"), since)
            identity = {"set_aside_id": None, "feed": feed, "kind": LANDING_FILE, "name": name, "status": SET_ASIDE}
            yield {**identity, "attempts": 1, "cause": _EARLIER, **times, "log_id": None, "decided_at": None}


def _nothing(settings: Settings, name: str, feed: str | None) -> ConfigurationError:
    """The error that says why there is nothing to retry."""
    query = select(_entry.feed, _entry.status).where(_entry.name == name).order_by(_entry.last_failed_at.desc())
    with connected(settings, "quarantine") as connection:
        entries = [row for row in connection.execute(query) if feed in (None, row.feed)]
    if entries and entries[0].status in _INSTEAD:
        state, remedy = _INSTEAD[entries[0].status]
        return ConfigurationError(f"{name} of feed {entries[0].feed} {state}", remedy=remedy)
    return ConfigurationError(
        f"Nothing named {name} is set aside{f' of feed {feed}' if feed else ''}.",
        remedy="`python -m etl quarantine list --files` shows the names to use.",
    )


def _gone(name: str, where: str, missing: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is no longer in {where}.", remedy=f"Restore {missing} there from a copy; then retry."
    )
