"""A class-data archive for Spark's JVM (AppCDS), made once: with it, a cold Spark needs about half the processor time.

The JVM itself checks an archive against its version and the class path, and ignores one that does not fit. So a missing or
stale archive costs only time; nothing here is ever an error. A key beside the archive shows whether a new one is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from etl.jobs.consume.spark.session import class_archive
from etl.services.java import Java
from etl.services.process import Progress
from etl.settings import Settings
from etl.settings.libraries import class_path

_SECONDS = 300
_TRAINING = 2
"""The number of what the training run does (`etl.services.jvm_training`); with another one, a new archive is made."""


def ensure(settings: Settings, java: Java, progress: Progress) -> None:
    """Create the archive if there is none for this Java and these libraries.

    After a failure it is tried again only when Java or the libraries have changed.
    """
    file = class_archive(settings)
    note, key = file.with_suffix(".json"), _key(settings, java)
    if _noted(note) == key:
        return
    # Suppressed: a folder without write permission; another process that is creating the archive.
    with contextlib.suppress(OSError, Timeout), FileLock(file.with_suffix(".lock"), timeout=0):
        progress("preparing Spark for faster starts (once)")
        _make(settings, java, file)
        note.write_text(json.dumps(key), "utf-8")


def _make(settings: Settings, java: Java, file: Path) -> None:
    """Run a small Spark job in a separate process, whose JVM writes the archive when it ends."""
    temporary = file.with_suffix(f".{os.getpid()}")
    # A JVM that is to write an archive does not start with another one, and this one does not fit any more.
    file.unlink(missing_ok=True)
    env = {
        **os.environ,
        "ETL_HOME": str(settings.home),
        "ETL_JARS": str(settings.jars_folder),
        "JAVA_HOME": str(java.home),
    }
    try:
        subprocess.run(
            [sys.executable, "-m", "etl.services.jvm_training", str(temporary)],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        temporary.replace(file)
    except (OSError, subprocess.SubprocessError):
        pass
    finally:
        temporary.unlink(missing_ok=True)


def _key(settings: Settings, java: Java) -> str:
    """Everything that an archive depends on, as one hash."""
    import pyspark

    jars = [*sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar")), *class_path(settings, "spark"), java.path]
    files = [(str(jar), (stat := jar.stat()).st_size, stat.st_mtime_ns) for jar in jars]
    return hashlib.sha256(json.dumps([files, java.version, pyspark.__version__, _TRAINING]).encode()).hexdigest()


def _noted(note: Path) -> object:
    try:
        return json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None
