"""Spark's class archive: made when it is due, and never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from etl.jobs.consume.spark.session import class_archive
from etl.services import jars
from etl.services import jvm_archive as archive
from etl.services.java import Java, find_java
from etl.settings import Settings
from tests.support.stack import JARS, quiet

PREPARING = "preparing Spark for faster starts (once)"
SPARK = """
from etl.settings import Settings
from etl.jobs.consume.spark.session import spark_session
print(spark_session(Settings.load()).range(7).count())
"""


def fetched_settings(home: Path) -> Settings:
    """Settings with the libraries that the set-up has fetched."""
    settings = Settings.load(home=home, jars=JARS)
    jars.ensure(settings, find_java(settings, quiet), quiet)
    return settings


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings with separate libraries, as links to those that were fetched."""
    fetched = fetched_settings(tmp_path)
    (tmp_path / "jars" / "spark").mkdir(parents=True)
    for jar in (fetched.jars_folder / "spark").glob("*.jar"):
        (tmp_path / "jars" / "spark" / jar.name).symlink_to(jar)
    return Settings.load(home=tmp_path, jars=tmp_path / "jars")


def told(settings: Settings) -> list[str]:
    said: list[str] = []
    archive.ensure(settings, find_java(settings, said.append), said.append)
    return said


def counts_seven(settings: Settings, **env: str) -> bool:
    """Whether Spark starts and works in a separate process."""
    environment = {
        "ETL_HOME": str(settings.home),
        "ETL_JARS": str(settings.jars_folder),
        "PATH": "/usr/bin:/bin",
        # The archive is made with this Java.
        **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
        **env,
    }
    run = subprocess.run([sys.executable, "-c", SPARK], env=environment, capture_output=True, text=True, check=False)
    return run.stdout.strip() == "7" and run.returncode == 0


@pytest.mark.integration
def test_it_is_made_once_and_used(tmp_path: Path) -> None:
    settings = fetched_settings(tmp_path)
    assert told(settings) in ([], [PREPARING]), "the set-up makes it before the tests begin"
    assert class_archive(settings).stat().st_size > 10 << 20
    assert told(settings) == []
    # Read by Java after its command line; %p is the process, for Spark's launcher is a Java too.
    assert counts_seven(settings, _JAVA_OPTIONS=f"-Xlog:class+load:file={tmp_path}/classes.%p")
    lines = "".join(file.read_text("utf-8") for file in tmp_path.glob("classes.*")).splitlines()
    spark = [line for line in lines if " org.apache.spark.sql." in line]
    assert len(spark) > 1_000
    # OpenJDK 17 shares no classes of libraries whose path is written with escapes in a URL: then they are read as ever.
    if "%" not in Path(pyspark.__file__).as_uri():
        assert sum("shared objects file (top)" in line for line in spark) > len(spark) / 2


@pytest.mark.integration
def test_it_is_made_again_when_a_library_has_changed(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SECONDS", 0.01)  # that it is begun is enough to see
    assert told(own) == [PREPARING]
    assert told(own) == [], "what could not be made is not tried again"
    jar = next((own.jars_folder / "spark").glob("kafka-clients-*.jar"))
    original = jar.resolve()
    jar.unlink()
    jar.write_bytes(original.read_bytes())
    assert told(own) == [PREPARING]


@pytest.mark.integration
def test_one_of_other_libraries_is_no_error(own: Settings) -> None:
    told(others := fetched_settings(own.home))
    shutil.copy(class_archive(others), class_archive(own))
    assert counts_seven(own)


@pytest.mark.integration
def test_one_that_is_damaged_is_no_error(own: Settings) -> None:
    class_archive(own).write_bytes(b"no archive" * 1000)
    assert counts_seven(own)


def test_one_that_cannot_be_made_is_no_error_and_not_tried_again(own: Settings, tmp_path: Path) -> None:
    launcher = tmp_path / "java" / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text("#!/bin/sh\nexit 1\n")
    launcher.chmod(0o755)
    said: list[str] = []
    for _ in range(2):
        archive.ensure(own, Java(launcher, "17"), said.append)
    assert said == [PREPARING]
    assert not class_archive(own).exists()


def test_a_new_one_is_made_without_the_old_one(own: Settings, tmp_path: Path) -> None:
    """Java refuses to write an archive while it uses another, so the old one would have been the last."""
    class_archive(own).write_bytes(b"of another Java")
    launcher, asked = tmp_path / "java" / "bin" / "java", tmp_path / "asked"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\nexit 1\n')
    launcher.chmod(0o755)
    archive.ensure(own, Java(launcher, "17"), lambda _: None)
    assert "ArchiveClassesAtExit" in asked.read_text("utf-8")
    assert "SharedArchiveFile" not in asked.read_text("utf-8")
    assert not class_archive(own).exists()
