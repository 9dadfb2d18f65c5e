from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.services.java import find_java
from etl.settings import Settings


def silent(_: str) -> None:
    pass


def fake_java(home: Path, version: str) -> Path:
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    launcher.chmod(0o755)
    return launcher


def test_no_java_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SetupError, match="found: none on this machine") as raised:
        find_java(Settings.load(home=tmp_path, install_java=False), silent, folders=())
    assert "apt-get install openjdk-17-jre-headless" in raised.value.remedy


def test_a_java_that_is_too_old_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("PATH", "/usr/bin:/bin" if os.name != "nt" else "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    settings = Settings.load(home=tmp_path, install_java=False)
    with pytest.raises(SetupError, match=r"Java 11\.0\.2\)"):
        find_java(settings, silent, folders=())
    fake_java(tmp_path / "jvm" / "java-21", "21.0.1")
    assert find_java(settings, silent, folders=[str(tmp_path / "jvm")]).major == 21


@pytest.mark.parametrize(
    ("version", "is_used"),
    [
        ("17", True),
        ("17.0.21.1", True),
        ("21.0.8", True),
        ("25", False),
        ("25.0.2", False),
        ("25.0.3", True),
        ("24.0.1", False),
    ],
)
def test_a_java_is_used_where_spark_runs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_used: bool
) -> None:
    launcher = fake_java(tmp_path / "found", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "found"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    settings = Settings.load(home=tmp_path, install_java=False)
    if is_used:
        assert find_java(settings, silent, folders=()).path == launcher
    else:
        with pytest.raises(SetupError, match=re.escape(f"Java {version})")):
            find_java(settings, silent, folders=())
