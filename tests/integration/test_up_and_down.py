"""The embedded services: started once, found again, revived, stopped, each home for itself."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from etl import services
from etl.services import jars, postgres, postgres_programs
from etl.services.java import find_java
from etl.settings import Settings
from etl.settings.libraries import locked
from etl.storage import kafka as broker
from tests.support.stack import JARS, Stack, quiet


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings.load(home=tmp_path / "home", jars=JARS)
    yield settings
    services.down(settings, quiet, delete_data=True)


def mine(settings: Settings) -> list[psutil.Process]:
    """Processes that have to do with a home."""
    words = {str(settings.home), settings.home.parent.name}

    def belongs(process: psutil.Process) -> bool:
        return process.pid != os.getpid() and any(word in " ".join(process.info["cmdline"] or []) for word in words)

    return [process for process in psutil.process_iter(["cmdline"]) if belongs(process)]


def test_services_live_die_and_come_back_with_their_data(home: Settings, stack: Stack) -> None:
    first = services.up(home, {}, quiet)
    assert first.kafka is not None
    assert first.postgres is not None
    assert services.up(home, {}, quiet) == first, "a second `up` finds what runs"
    assert {first.kafka.endpoint, first.postgres.endpoint}.isdisjoint({stack.kafka, stack.database}), (
        "two homes share nothing"
    )
    assert (home.endpoints_file.stat().st_mode & 0o777) == 0o600

    settings = Settings.load(home=home.home, jars=JARS)
    assert broker.create(settings, "kept")
    with psycopg.connect(settings.database().get_secret_value().replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept (n int)")

    # Both die; the broker's port is taken by somebody else meanwhile.
    for service in (first.kafka, first.postgres):
        process = service.process()
        assert process is not None
        process.kill()
        process.wait(120)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.kafka.port))
        taken.listen()
        second = services.up(home, {}, quiet)
    assert second.kafka is not None
    assert second.postgres is not None
    assert second.kafka.port != first.kafka.port

    settings = Settings.load(home=home.home, jars=JARS)
    assert broker.describe(settings, "kept").end
    with psycopg.connect(settings.database().get_secret_value().replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)

    assert services.down(home, quiet) == ["kafka", "postgres"]
    assert services.down(home, quiet) == []
    assert mine(home) == []
    assert services.running(home) == services.Up(None, None)


@pytest.mark.skipif(postgres_programs.is_root() is False, reason="only root has the data outside of its home")
def test_a_home_that_was_deleted_and_made_again_works_and_its_old_data_are_kept(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "home", jars=JARS)
    settings.services.mkdir(parents=True)
    first = postgres.start(settings, quiet)
    shutil.rmtree(settings.home)
    settings.services.mkdir(parents=True)
    said: list[str] = []
    second = postgres.start(settings, said.append)
    try:
        assert second.pid != first.pid
        with psycopg.connect(second.endpoint.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        (kept,) = postgres._root(settings).glob("data-of-before-*/PG_VERSION")
        assert str(kept.parent) in " ".join(said)
    finally:
        postgres.stop(settings, quiet)
        postgres.delete_data(settings)


@pytest.mark.skipif(postgres_programs.is_root() is False, reason="only root has the data outside of its home")
def test_a_folder_that_another_process_has_just_made_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = tmp_path / "folders"
    folders.mkdir(mode=0o700)
    monkeypatch.setattr(postgres, "_STATE_FOLDERS", folders)
    monkeypatch.setattr(postgres, "runnable", lambda package, *_: package)
    postgres._place(Settings.load(home=tmp_path / "home"))
    assert folders.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(postgres_programs.is_root() is False, reason="only root hands the server to another user")
def test_a_virtual_environment_that_is_closed_to_the_servers_user_is_copied_and_left_closed(tmp_path: Path) -> None:
    installed = postgres_programs.package_folder()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(installed / "pginstall18", closed / installed.name / "pginstall18", symlinks=True)
    if (libraries := installed.with_name(f"{installed.name}.libs")).is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    user = postgres_programs.unprivileged_user()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, user["user"], user["group"])
        readable = postgres_programs.runnable(closed / installed.name, Path(folder), user)
        assert readable.is_relative_to(folder)
        assert postgres_programs._can_run(readable, user)
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_half_finished_download_is_fetched_again(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, jars=tmp_path / "jars")
    shutil.copytree(JARS, tmp_path / "jars")
    smallest = min(locked(), key=lambda jar: jar.bytes)
    file = tmp_path / "jars" / smallest.part / smallest.file_name
    file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "jars" / ".fetch-old").mkdir()
    said: list[str] = []
    jars.ensure(settings, find_java(settings, quiet), said.append)
    assert jars.missing(settings) == []
    assert jars.damaged(settings) == []
    assert said


def test_libraries_that_are_there_need_neither_java_nor_network(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, jars=JARS)
    nowhere = type(find_java(settings, quiet))(tmp_path / "no-java", "17")
    jars.ensure(settings, nowhere, quiet)
