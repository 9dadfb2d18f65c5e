"""The Java libraries of Spark's Kafka connector and of the Kafka broker: fetched once, checked, kept.

`etl/settings/jars.lock.json` names each library with its size and SHA-256. They are fetched with the Ivy that PySpark ships, in
several processes at once, because one Ivy downloads one file after the other. Spark later gets them as a class path
and resolves nothing at its start. Other libraries are fetched in the same way, with another lock file.

`python -m etl.services.jars` rewrites the lock file after a version below was changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from etl.errors import SetupError
from etl.services import network
from etl.services.java import Java, find_java
from etl.services.packages import exclusively, held
from etl.services.process import Progress
from etl.settings import Settings
from etl.settings.libraries import LOCK, Jar, locked

Coordinates = tuple[str, str, str]
"""Organisation, module, revision."""

ROOTS: dict[str, list[Coordinates]] = {
    "spark": [("org.apache.spark", "spark-sql-kafka-0-10_2.13", "4.2.0")],
    "kafka": [("org.apache.kafka", "kafka_2.13", "4.4.0"), ("org.apache.logging.log4j", "log4j-slf4j2-impl", "2.26.1")],
}
_PROCESSES = 4
_SECONDS = 540


def missing(settings: Settings, lock: Path = LOCK) -> list[Jar]:
    """Libraries that are missing or not complete."""
    return [jar for jar in locked(lock) if _size(settings.jars_folder / jar.part / jar.file_name) != jar.bytes]


def damaged(settings: Settings) -> list[Jar]:
    """Libraries whose content is not what the lock file says."""
    return [jar for jar in locked() if _sha256(settings.jars_folder / jar.part / jar.file_name) != jar.sha256]


def ensure(settings: Settings, java: Java, progress: Progress, lock: Path = LOCK) -> None:
    """Fetch what is missing.

    A library gets its final name only after its SHA-256 was checked. What a failed or killed attempt has fetched completely is
    kept, and the rest of it removed, so the next attempt continues there.

    :raises SetupError: no repository has a library, or its content differs from the lock file; the folder cannot be written.
    """
    if not missing(settings, lock):
        return
    folder = settings.jars_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Several homes may share the folder.
        with exclusively(folder, lambda: progress("waiting for another download of the Java libraries")):
            _fetch_missing(settings, java, progress, lock)
    except OSError as error:
        raise SetupError(
            f"Java libraries are missing in {folder}, and it cannot be written: {error.strerror or error}.",
            remedy="Correct its permissions, make room, or set ETL_JARS to another folder.",
        ) from error


def _fetch_missing(settings: Settings, java: Java, progress: Progress, lock: Path) -> None:
    work = settings.jars_folder / ".fetch"
    # What a killed attempt has left.
    _collect(settings, missing(settings, lock), work)
    if not (wanted := missing(settings, lock)):
        return
    # Distributing them in turn, largest first, gives each process about the same number of bytes.
    by_size = sorted(wanted, key=lambda jar: -jar.bytes)
    shares = [share for i in range(_PROCESSES) if (share := by_size[i::_PROCESSES])]
    try:
        with ThreadPoolExecutor(len(shares)) as pool:
            fetches = [pool.submit(_fetch, settings, java, share, work / str(i)) for i, share in enumerate(shares)]
            _show(fetches, work, sum(jar.bytes for jar in wanted), progress)
    finally:
        wrong = _collect(settings, wanted, work)
    if wrong:
        raise wrong[0]
    for fetch in fetches:
        fetch.result()
    if absent := missing(settings, lock):
        raise SetupError(f"No repository has {absent[0].file_name}.", remedy=_REMEDY)


def _collect(settings: Settings, wanted: Iterable[Jar], work: Path) -> list[SetupError]:
    """Move complete libraries to their places, and remove the rest; returns what was complete and not right."""
    wrong = []
    for jar in wanted:
        files = [file for file in work.rglob(jar.file_name) if _size(file) == jar.bytes]
        if right := next((file for file in files if _sha256(file) == jar.sha256), None):
            _place(jar, right, settings.jars_folder)
        elif retrieved := next(work.glob(f"*/{jar.part}/{jar.file_name}"), None):
            wrong.append(_wrong(jar, _sha256(retrieved)))
    shutil.rmtree(work, ignore_errors=True)
    return wrong


def _show(fetches: list[Future[None]], work: Path, total: int, progress: Progress) -> None:
    while not all(fetch.done() for fetch in fetches):
        done = sum(_size(file) for pattern in ("*.jar", "*.jar.part") for file in work.glob(f"*/cache/**/{pattern}"))
        looked_up = sum(1 for _ in work.glob("*/cache/*/*/ivydata-*.properties"))
        progress(
            f"fetching Java libraries … {_bar(done, total)}" if done else f"looking up Java libraries … {looked_up}"
        )
        time.sleep(0.5)


def _bar(done: int, total: int, width: int = 20) -> str:
    filled = min(width, width * done // total)
    return f"{'█' * filled}{'░' * (width - filled)} {done / 1e6:.0f} of {total / 1e6:.0f} MB"


def _fetch(settings: Settings, java: Java, jars: list[Jar], work: Path) -> None:
    dependencies = "".join(
        f"<dependency org={quoteattr(jar.organisation)} name={quoteattr(jar.module)} rev={quoteattr(jar.revision)}"
        f' conf="{jar.part}->default" transitive="false"/>'
        for jar in jars
    )
    parts = sorted({jar.part for jar in jars})
    _ivy(settings, java, parts, dependencies, work, "[conf]/[artifact]-[revision].[ext]")


def _ivy(settings: Settings, java: Java, parts: Iterable[str], dependencies: str, work: Path, pattern: str) -> None:
    """Run Ivy once for some dependencies, with a separate cache.

    :param parts: Ivy's configurations, which the dependencies name.
    :raises SetupError: with Ivy's message about what it could not find.
    """
    work.mkdir(parents=True)
    configurations = "".join(f"<conf name={quoteattr(part)}/>" for part in parts)
    (work / "ivy.xml").write_text(
        '<ivy-module version="2.0"><info organisation="local" module="etl"/>'
        f"<configurations>{configurations}</configurations><dependencies>{dependencies}</dependencies></ivy-module>",
        "utf-8",
    )
    ivy = next(_pyspark_jars().glob("ivy-*.jar")).absolute()
    own_settings = ["-settings", str(settings.ivy_settings)] if settings.ivy_settings else []
    command = [str(java.path.absolute()), *network.java_options(), "-jar", str(ivy), *own_settings]
    try:
        run = subprocess.run(
            # Relative names: brackets, braces and parentheses of an absolute path would be parts of Ivy's pattern.
            [*command, "-ivy", "ivy.xml", "-cache", "cache", "-types", "jar", "bundle", "-retrieve", pattern],
            cwd=work,
            env=network.java_environment(),
            pass_fds=held,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SetupError(f"Fetching the Java libraries took longer than {_SECONDS} s.", remedy=_REMEDY) from None
    if run.returncode != 0 or "UNRESOLVED" in run.stdout or "FAILED DOWNLOADS" in run.stdout:
        said = settings.mask(run.stdout.strip()[-1200:])
        why = network.why_not_reached(run.stdout)
        raise SetupError(f"{_FAILED}: {why}." if why else f"{_FAILED}:\n{said}", remedy=_REMEDY)


_FAILED = "The Java libraries could not be fetched"
_REMEDY = (
    "Run the command again when the network is there; it continues where it stopped."
    " Behind a proxy, set HTTPS_PROXY (and NO_PROXY); for a mirror of Maven Central, set ETL_IVY_SETTINGS;"
    " or set ETL_JARS to a copy of another machine's .services/jars (docs/first-contact.md)."
)


def _place(jar: Jar, file: Path, folder: Path) -> None:
    if (digest := _sha256(file)) != jar.sha256:
        raise _wrong(jar, digest)
    (folder / jar.part).mkdir(exist_ok=True)
    file.replace(folder / jar.part / jar.file_name)


def _wrong(jar: Jar, digest: str | None) -> SetupError:
    return SetupError(
        f"{jar.file_name}: SHA-256 is {digest}, the lock file says {jar.sha256}.",
        remedy="Run the command again; if the error persists, do not trust the repository that it came from.",
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _sha256(file: Path) -> str | None:
    try:
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _pyspark_jars() -> Path:
    """The folder of PySpark's libraries, found without importing PySpark, which would take half a second."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SetupError("The package pyspark is missing.", remedy="Run `make setup`, or install the package again.")
    return Path(spec.origin).parent / "jars"


def _shipped_with_spark() -> set[str]:
    """Modules that PySpark contains; a second copy on its class path could conflict."""
    return {file.stem.rpartition("-")[0] for file in _pyspark_jars().glob("*.jar")}


def make_lock(settings: Settings, lock: Path = LOCK, roots: Mapping[str, Sequence[Coordinates]] = ROOTS) -> None:
    """Resolve the roots of each part with all their dependencies, and write the lock file."""
    java = find_java(settings, print)
    work = Path(tempfile.mkdtemp())
    entries = []
    for part, coordinates in roots.items():
        dependencies = "".join(
            f'<dependency org="{o}" name="{m}" rev="{r}" conf="{part}->default"/>' for o, m, r in coordinates
        )
        _ivy(
            settings,
            java,
            [part],
            dependencies,
            work / part,
            "[conf]/[organisation]/[artifact]/[revision].[ext]",
        )
        for file in sorted((work / part / part).glob("*/*/*.jar")):
            organisation, module = file.parts[-3:-1]
            if part != "spark" or module not in _shipped_with_spark():
                entries.append(Jar(part, organisation, module, file.stem, file.stat().st_size, _sha256(file) or ""))
    lock.write_text(json.dumps([entry.__dict__ for entry in entries], indent=1) + "\n", "utf-8")
    shutil.rmtree(work)


if __name__ == "__main__":
    make_lock(Settings.load())
    sys.stdout.write(f"{LOCK.name}: {len(locked())} libraries\n")
