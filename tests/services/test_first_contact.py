"""Java libraries without a network, behind a proxy, with a mirror, and after a kill: with a real Ivy and small files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.services import jars, network
from etl.services.java import find_java
from etl.settings import Settings
from tests.support.cluster import wait_until
from tests.support.downloads import Repository, serving
from tests.support.ports import closed_port
from tests.support.stack import quiet

HOST = "maven.example.org"
FILES = {name: name.encode() * 50_000 for name in ("a", "b")}
SETTINGS = f"""<ivysettings><settings defaultResolver="mirror"/><resolvers>
<ibiblio name="mirror" m2compatible="true" root="http://{HOST}/maven2"/></resolvers></ivysettings>"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    entries = [
        {
            **{"part": "spark", "organisation": "org.example", "module": name, "revision": "1"},
            **{"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        }
        for name, content in FILES.items()
    ]
    file = tmp_path / "lock.json"
    file.write_text(json.dumps(entries), "utf-8")
    return file


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A mirror that only the proxy reaches, which HTTP_PROXY names."""
    (tmp_path / "ivy settings.xml").write_text(SETTINGS, "utf-8")
    files = {f"/maven2/org/example/{name}/1/{name}-1.jar": content for name, content in FILES.items()}
    with serving(files, "b-1.jar") as repository:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{repository.port}")
        monkeypatch.setenv("no_proxy", "localhost,.local")
        yield repository


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of which each letter is one of Ivy's patterns, of a shell, or of a URL."""
    return tmp_path / """it's [a] {b} (c) $x "d" 50% #1 ü,&;"""


def settings_of(home: Path) -> Settings:
    return Settings.load(home=home, ivy_settings=home.parent / "ivy settings.xml")


def ensure(home: Path, lock: Path) -> None:
    settings = settings_of(home)
    jars.ensure(settings, find_java(settings, quiet), quiet, lock)


def left(home: Path) -> list[str]:
    """The files in the folder of the libraries."""
    folder = home / ".services" / "jars"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_mirror_behind_a_proxy_with_a_login(
    home: Path, lock: Path, mirror: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.login = """me:it's "1" 100%"""
    with pytest.raises(SetupError, match="the proxy asks for a login"):
        ensure(home, lock)
    monkeypatch.setenv("http_proxy", f"http://me:it%27s%20%221%22%20100%25@127.0.0.1:{mirror.port}")
    ensure(home, lock)
    assert left(home) == ["spark/a-1.jar", "spark/b-1.jar"]
    assert {path.split("/")[2] for path in mirror.asked} == {HOST}
    assert "it's" not in " ".join(network.java_options())


def test_a_cut_download_leaves_nothing_half_and_the_next_try_fetches_only_the_rest(
    home: Path, lock: Path, mirror: Repository
) -> None:
    mirror.then = "cut"
    with pytest.raises(SetupError, match=f"a download from {HOST}.* was cut") as refused:
        ensure(home, lock)
    assert "continues where it stopped" in refused.value.remedy
    assert left(home) == ["spark/a-1.jar"]
    mirror.then = "sent"
    mirror.asked.clear()
    ensure(home, lock)
    assert left(home) == ["spark/a-1.jar", "spark/b-1.jar"]
    assert not [path for path in mirror.asked if "/a/" in path]


def test_a_killed_download_is_continued(home: Path, lock: Path, mirror: Repository) -> None:
    mirror.then = "held"
    code = "import sys, tests.services.test_first_contact as t; t.ensure(t.Path(sys.argv[1]), t.Path(sys.argv[2]))"
    killed = subprocess.Popen([sys.executable, "-c", code, str(home), str(lock)])
    fetched = home / ".services" / "jars" / ".fetch"
    wait_until(lambda: mirror.held.is_set() and any(fetched.glob("*/spark/a-1.jar")), "a download")
    killed.kill()
    killed.wait()
    mirror.then = "sent"
    mirror.release.set()
    mirror.asked.clear()
    ensure(home, lock)
    assert left(home) == ["spark/a-1.jar", "spark/b-1.jar"]
    assert not [path for path in mirror.asked if "/a/" in path]


def test_a_library_that_was_changed_on_the_way_is_refused(home: Path, lock: Path, mirror: Repository) -> None:
    (changed,) = [path for path in mirror.files if path.endswith("b-1.jar")]
    mirror.files[changed] = b"x" * len(mirror.files[changed])
    with pytest.raises(SetupError, match=r"b-1\.jar: SHA-256 is .*, the lock file says"):
        ensure(home, lock)
    assert left(home) == ["spark/a-1.jar"]


def test_a_proxy_that_does_not_answer_is_named(
    home: Path, lock: Path, mirror: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as port, pytest.raises(SetupError, match="connection refused") as refused:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        ensure(home, lock)
    assert f"{HOST} through the proxy 127.0.0.1:{port} was not reached" in refused.value.cause
    assert left(home) == []


def test_without_a_network_one_message_names_the_host_and_every_way_out(home: Path, lock: Path) -> None:
    unshare = [str(shutil.which("unshare")), "--net", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a name space without a network")
    code = "import sys, tests.services.test_first_contact as t; t.without_network(t.Path(sys.argv[1]), t.Path(sys.argv[2]))"
    run = subprocess.run(
        [*unshare, sys.executable, "-c", code, str(home), str(lock)], capture_output=True, text=True, check=False
    )
    assert (
        "SetupError: The Java libraries could not be fetched: repo1.maven.org was not reached: its name" in run.stderr
    )
    for way_out in ("HTTPS_PROXY", "ETL_IVY_SETTINGS", "ETL_JARS"):
        assert way_out in run.stderr


def without_network(home: Path, lock: Path) -> None:
    settings = Settings.load(home=home)
    jars.ensure(settings, find_java(settings, quiet), quiet, lock)


def test_a_folder_of_libraries_that_cannot_be_made_is_named(tmp_path: Path, lock: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.load(home=tmp_path, jars=tmp_path / "file" / "jars")
    with pytest.raises(SetupError, match=r"file/jars, and it cannot be written: Not a directory"):
        jars.ensure(settings, find_java(settings, quiet), quiet, lock)


APT = """Reading package lists...
W: Failed to fetch http://deb.example.org/debian/dists/bookworm/InRelease  Temporary failure resolving 'deb.example.org'
E: Unable to locate package openjdk-17-jre-headless
"""


def test_what_apt_says_without_a_network_is_one_line() -> None:
    assert network.why_not_reached(APT) == "deb.example.org was not reached: its name is unknown here"
    assert network.why_not_reached("E: Unable to locate package openjdk-17-jre-headless") == ""


@pytest.mark.parametrize(
    ("exceptions", "asked"),
    [
        ("", []),
        ("*", ["*"]),
        ("example.org, .local:80,10.0.0.1", ["example.org", "*.example.org", "local", "10.0.0.1"]),
    ],
)
def test_java_gets_the_exceptions_from_the_proxy(
    exceptions: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", exceptions)
    options = network.java_options()
    assert "-Dhttps.proxyHost=proxy.example.org" in options
    assert "-Dhttps.proxyPort=3128" in options
    (hosts,) = [option.partition("=")[2].split("|") for option in options if option.startswith("-Dhttp.nonProxyHosts=")]
    assert set(asked) <= set(hosts)
    assert len(hosts) == 1 or {"localhost", "127.*"} <= set(hosts)


def test_apt_gets_the_proxy_by_the_name_that_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    assert network.lower_case()["http_proxy"] == "http://proxy.example.org:3128"
