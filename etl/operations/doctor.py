"""Can this machine run cycles? Checks everything a cycle needs, changes nothing, and names the remedy."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from etl.audit.set_aside import count_per_feed
from etl.contract.reader import contract_files, read_contract, read_contracts
from etl.database import dispose, make_engine, place_of, product_of, transaction
from etl.database.schema.migrations import require_current
from etl.errors import ConfigurationError, EtlError, SetupError
from etl.operations.sources import STATES
from etl.services import jars, superset
from etl.services.java import find_java
from etl.services.process import free_ports
from etl.services.superset import environment, user_database
from etl.services.superset.server import answers
from etl.settings import Settings
from etl.settings.libraries import locked
from etl.storage import kafka as broker
from etl.storage.files import PRIVATE_UMASK
from etl.storage.schema_registry import SchemaRegistry

_FREE_GIB = 2.0
_OTHER_VARIABLES = {"ETL_TEST_SQLSERVER_URL", "ETL_TEST_SUPERSET_VENV", "ETL_TEST_ARTIFACTS", "ETL_FAILPOINT"}


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    ok: bool
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; a failed one does not stop the others."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("Python", _python),
        ("Java", _java),
        ("Java libraries", _jars),
        ("Jupyter kernel", _kernel),
        ("folders", _folders),
        ("disk", _disk),
        ("ports", _ports),
        ("settings", _variables),
        ("private files", _private),
        ("Kafka", _kafka),
        ("schema registry", _schema_registry),
        ("database", _database),
        ("audit tables", _tables),
        ("dashboards", _superset),
    ]
    findings = [_run(name, check, settings) for name, check in checks]
    kafka_answers = any(finding.ok for finding in findings if finding.check == "Kafka")
    return [*findings, *_contracts(settings, kafka_answers=kafka_answers)]


def _run(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, check(settings))
    except EtlError as error:
        return Finding(name, False, error.cause, error.remedy)
    except OSError as error:
        return Finding(name, False, str(error), "Correct the permissions or the path.")


def _python(_: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        raise SetupError(f"Python {version}", remedy="Use Python 3.11, 3.12, 3.13 or 3.14.")
    return version


def _java(settings: Settings) -> str:
    java = find_java(settings.model_copy(update={"install_java": False}), lambda _: None)
    return f"Java {java.version} at {java.path}"


def _jars(settings: Settings) -> str:
    if damaged := jars.damaged(settings):
        names = ", ".join(jar.file_name for jar in damaged[:3])
        raise SetupError(
            f"{len(damaged)} of {len(locked())} are missing or damaged ({names}{', …' if len(damaged) > 3 else ''}).",
            remedy="Remove the damaged files; `python -m etl up` then downloads them.",
        )
    return f"{len(locked())}, each with the SHA-256 of the lock file"


def _kernel(_: Settings) -> str:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        raise SetupError(
            "There is no kernel `python3`.", remedy="Run `make setup`, or install the package again."
        ) from None
    return f"python3 ({spec.display_name})"


def _folders(settings: Settings) -> str:
    for folder in (settings.checkpoint, settings.output, settings.backup, settings.services):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(existing, os.W_OK):
            raise SetupError(
                f"{existing} cannot be written.", remedy="Correct its permissions, or set ETL_HOME to another folder."
            )
    return f"checkpoint, output, backup and .services under {settings.home} can be written"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.home).free / 2**30
    if free < _FREE_GIB:
        raise SetupError(
            f"{free:.1f} GiB free at {settings.home}", remedy=f"Free disk space: at least {_FREE_GIB:.0f} GiB."
        )
    return f"{free:.0f} GiB free"


def _ports(_: Settings) -> str:
    if len(free_ports(3)) < 3:
        raise SetupError("no free port on 127.0.0.1", remedy="End programs that hold ports.")
    return "127.0.0.1 has free ports"


def _variables(_: Settings) -> str:
    variables = {f"ETL_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    unknown = sorted(name for name in os.environ if name.startswith("ETL_") and name not in variables)
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]} is set, but there is no such setting.", remedy=f"Known: {', '.join(sorted(variables))}."
        )
    return "no unknown ETL_* variable"


def _private(settings: Settings) -> str:
    """Secrets and raw data must not be readable by other users of the machine (docs/security.md)."""
    if os.name == "nt":
        return "not checked on Windows"
    env_file = settings.home / ".env"
    if env_file.is_file() and _holds_secret(env_file) and env_file.stat().st_mode & PRIVATE_UMASK:
        raise ConfigurationError(f"{env_file} holds a password and other users can read it.", remedy=_chmod(env_file))
    inside = [path for top in (settings.checkpoint, settings.output, settings.backup) for path in top.glob("*/")]
    for path in (settings.services, settings.endpoints_file, *inside):
        if path.exists() and path.stat().st_mode & PRIVATE_UMASK:
            raise ConfigurationError(f"Other users can read {path}.", remedy=_chmod(path))
    return "for their owner only"


def _holds_secret(env_file: Path) -> bool:
    secret = {
        f"ETL_{name.upper()}" for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
    }
    lines = env_file.read_text("utf-8", "replace").splitlines()
    return any(line.partition("=")[0].removeprefix("export ").strip().upper() in secret for line in lines)


def _chmod(path: Path) -> str:
    return f"Restrict it: chmod go= {shlex.quote(str(path))}"


def _kafka(settings: Settings) -> str:
    with broker.admin(settings) as client:
        topics = set(client.list_topics())
    return f"{settings.kafka()} answers, {len(topics)} topics"


def _schema_registry(settings: Settings) -> str:
    needs = any(contract.source.format.needs_registry for contract in read_contracts(settings)[0].values())
    if not needs and settings.schema_registry is None:
        return "no feed needs one"
    registry = SchemaRegistry.of(settings)
    registry.require()
    return f"{registry.url} answers"


def _database(settings: Settings) -> str:
    engine = make_engine(settings, application="doctor")
    product = product_of(engine.dialect)
    try:
        with transaction(engine) as connection:
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
            lacking = product.findings(connection)
    finally:
        dispose(engine)
    if lacking:
        raise SetupError(" ".join(problem for problem, _ in lacking), remedy=" ".join(remedy for _, remedy in lacking))
    return f"{product.title} {version} at {place_of(engine)} answers"


def _tables(settings: Settings) -> str:
    engine = make_engine(settings, application="doctor")
    try:
        with transaction(engine) as connection:
            require_current(connection)
            aside = sum(count_per_feed(connection).values())
    finally:
        dispose(engine)
    return (
        f"up to date; {aside} files are set aside (`python -m etl quarantine list --files`)" if aside else "up to date"
    )


def _superset(settings: Settings) -> str:
    """What `python -m etl dashboards` would find. No cycle needs Superset: what is missing is reported, but not as a fault."""
    if service := superset.running(settings):
        return (
            f"Superset runs at {service.endpoint}"
            if answers(service)
            else f"Superset does not answer; its log: {service.log}"
        )
    try:
        access = user_database.look(settings)
        if environment.is_current(settings, user_database.product_of_data(settings).name):
            state = "Superset is installed and not running; `python -m etl dashboards` starts it"
        else:
            python = environment.find_python()
            environment.require_space(settings)
            state = f"Superset is not installed completely; `python -m etl dashboards` installs it with {python}"
    except EtlError as error:
        return f"`python -m etl dashboards` would fail: {error.cause} {error.remedy}"
    return f"{state}; {access}" if access else state


def _contracts(settings: Settings, *, kafka_answers: bool) -> Iterator[Finding]:
    try:
        files = contract_files(settings)
    except EtlError as error:
        yield Finding("contracts", False, error.cause, error.remedy)
        return
    for feed, path in sorted(files.items()):
        yield _run(f"feed {feed}", partial(_contract, path=path, kafka_answers=kafka_answers), settings)


def _contract(settings: Settings, path: Path, *, kafka_answers: bool) -> str:
    """The contract, and the topic or the files that wait. A missing topic is not a fault: the feed may not be in use."""
    contract = read_contract(path)
    source_state = STATES[type(contract.source)].in_words(settings, contract.source, kafka_answers=kafka_answers)
    return f"contract is sound; {source_state}"
