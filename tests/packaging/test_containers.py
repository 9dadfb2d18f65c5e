"""The files for containers fit the code, each other, and what they promise. No container engine is needed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main
import yaml
from sqlalchemy import make_url

from etl import services
from etl.cli.app import app
from etl.database import make_engine
from etl.database.schema.migrations import migrate
from etl.services.postgres_programs import INSTALL, package_folder
from etl.services.superset.databases import ensure
from etl.settings import PROJECT_ROOT, Settings
from tests.support.stack import quiet

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
PYPROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PYPROJECT["project"]["version"]
SETTINGS = {f"ETL_{name.upper()}" for name in Settings.model_fields}


def test_what_compose_sets_are_settings() -> None:
    named = {name for service in OURS.values() for name in service["environment"]}
    named |= {secret["target"].upper() for service in OURS.values() for secret in service.get("secrets", [])}
    named |= set(re.findall(r"\b(ETL_[A-Z_]+)=", DOCKERFILE))
    assert named - {"HOME", "TZ"} <= SETTINGS


def test_every_image_has_a_version_and_ours_has_that_of_the_project() -> None:
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-CU\d+", tag), f"{name}: {service['image']}"
    assert {service["image"].rpartition(":")[2] for service in OURS.values()} == {VERSION}
    assert re.search(r"^ARG VERSION=(.+)$", DOCKERFILE, re.MULTILINE)[1] == VERSION  # type: ignore[index]
    assert re.search(r"^ARG BASE=debian:12\.\d+-slim$", DOCKERFILE, re.MULTILINE)


def test_no_secret_is_in_the_files() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN|URL", name) or name.endswith("_FILE"), name
            assert "://" not in str(value) or name.startswith("KAFKA_"), name
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    tracked = subprocess.run(
        ["git", "ls-files", "secrets"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""
    ignored = subprocess.run(["git", "check-ignore", "secrets/loader_url"], cwd=PROJECT_ROOT, check=False)
    assert ignored.returncode == 0


def commands() -> Iterator[Any]:
    for name, service in OURS.items():
        yield pytest.param(service["command"], id=name)
        test = service["healthcheck"].get("test")
        if test and "etl" in test:
            yield pytest.param(test[1:], id=f"{name}, its health")
    for number, found in enumerate(re.findall(r"CMD (\[.*\])", DOCKERFILE)):
        if '"etl"' in found:
            yield pytest.param(json.loads(found), id=f"Dockerfile {number}")


@pytest.mark.parametrize("command", commands())
def test_commands_exist_with_their_options(command: list[str]) -> None:
    assert command[:3] == ["python", "-m", "etl"]
    _accept(command[3:])


def _accept(arguments: list[str]) -> None:
    """Parse what the command line would get, without running it."""
    found: Any = typer.main.get_command(app)
    if arguments == ["--help"]:
        return
    context = found.make_context("etl", list(arguments), resilient_parsing=True)
    while hasattr(found, "commands") and arguments and arguments[0] in found.commands:
        found, arguments = found.commands[arguments[0]], arguments[1:]
    assert found.name != context.command.name
    found.make_context(found.name, arguments)


def test_commands_on_the_page_exist_with_their_options() -> None:
    page = (PROJECT_ROOT / "docs" / "containers.md").read_text("utf-8")
    lines = re.findall(r"^docker compose (?:run|exec) .*?python -m etl (.+?)(?: +#.*| \|.*)?$", page, re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        _accept(shlex.split(line))


def test_what_is_copied_into_the_image_is_there() -> None:
    copied = [
        path for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for path in line.split()[:-1]
    ]
    assert "requirements.txt" in copied
    for path in copied:
        assert (PROJECT_ROOT / path).exists(), path
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"COPY --from=(\S+)", DOCKERFILE)) <= set(stages)
    assert {service["build"]["target"] for service in OURS.values()} <= set(stages)


def test_the_wheel_is_built_from_what_is_not_ignored() -> None:
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    included = wheel.get("only-include") or wheel["packages"]
    for path in (*included, "notebooks", "sql", "superset", "pyproject.toml", PYPROJECT["project"]["readme"]):
        assert not _is_ignored(path), path


@pytest.mark.parametrize(
    "path",
    [".git", ".services/endpoints.json", ".env", "production.env", "secrets/loader_url", ".venv", "backup", "output"],
)
def test_what_must_not_be_in_an_image_is_ignored(path: str) -> None:
    assert _is_ignored(path)


def _is_ignored(path: str) -> bool:
    """As `docker build` reads .dockerignore: the last line that fits the path, or a folder that it is in, decides."""
    found = False
    parts = [path, *(str(parent) for parent in Path(path).parents if parent != Path())]
    for line in (PROJECT_ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(fnmatch(part, pattern) for part in parts):
            found = not line.startswith("!")
    return found


def test_our_containers_have_few_rights_and_time_to_end() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[0] == "10001:10001"
    for name, service in OURS.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert SERVICES["schedule"]["stop_grace_period"] == "5m"
    in_one_volume = [
        service for service in OURS.values() if "data:/data" in service["volumes"] and "--every" in service["command"]
    ]
    assert [service["hostname"] for service in in_one_volume] == ["etl"]


def test_volumes_and_secrets_are_declared_and_used() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])
    assert all((PROJECT_ROOT / name).is_file() for name in mounted if name.startswith("./"))
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", [])
    }
    assert used == set(COMPOSE["secrets"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_the_container_for_contributors_is_a_target_of_the_same_file() -> None:
    folder = PROJECT_ROOT / ".devcontainer"
    found = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    assert (folder / found["build"]["dockerfile"]).resolve() == PROJECT_ROOT / "Dockerfile"
    assert f"AS {found['build']['target']}\n" in DOCKERFILE
    assert f"useradd --uid 10001 --gid 10001 --create-home --shell /bin/bash {found['remoteUser']} " in DOCKERFILE


def make_secrets(folder: Path, *arguments: str) -> dict[str, str]:
    """Run the script that makes the secrets, in a folder of the test."""
    script = folder / "containers" / "secrets.sh"
    script.parent.mkdir(exist_ok=True)
    script.write_bytes((PROJECT_ROOT / "containers" / "secrets.sh").read_bytes())
    subprocess.run(["sh", str(script), *arguments], check=True, capture_output=True)
    return {file.name: file.read_text("utf-8").strip() for file in (folder / "secrets").iterdir()}


def test_secrets_are_made_once_and_only_their_owner_gets_to_them(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)
    assert set(first) == set(COMPOSE["secrets"])
    assert len(set(first.values())) == len(first)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert make_secrets(tmp_path, "sqlserver") == first, "what exists stays"
    (tmp_path / "secrets" / "loader_url").unlink()
    assert make_secrets(tmp_path, "sqlserver")["loader_url"].startswith("mssql+pyodbc://etl:")


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[tuple[Settings, psycopg.ConnectionInfo]]:
    """A PostgreSQL of this test, as its image has it when it runs the script: with a superuser and an empty database."""
    settings = Settings.load(home=tmp_path / "home")
    server = services.up_postgres(settings, quiet)
    try:
        url = server.endpoint.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE iot")
            connection.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'postgres'")
        url = make_url(url).set(username="postgres", password="postgres").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            # The embedded server's own superuser has the name of the loader.
            connection.execute("ALTER ROLE etl RENAME TO embedded")
            yield settings, connection.info
    finally:
        services.down(settings, quiet, delete_data=True)


@pytest.mark.postgresql
def test_the_roles_in_the_container_of_postgresql_may_what_they_need(
    tmp_path: Path, postgresql: tuple[Settings, psycopg.ConnectionInfo]
) -> None:
    home, server = postgresql
    made = make_secrets(tmp_path)
    environment = {
        "PATH": f"{package_folder() / INSTALL / 'bin'}:/usr/bin:/bin",
        "SECRETS": str(tmp_path / "secrets"),
        **{"POSTGRES_USER": server.user, "POSTGRES_DB": "iot"},
        **{"PGHOST": server.host, "PGPORT": str(server.port), "PGPASSWORD": server.password},
    }
    script = PROJECT_ROOT / "containers" / "postgresql-roles.sh"
    run = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")

    urls = {name: url.replace("@postgresql:5432/", f"@{server.host}:{server.port}/") for name, url in made.items()}
    engine = make_engine(Settings.load(home=home.home, database_url=urls["loader_url"]))
    migrate(engine)
    engine.dispose()
    with psycopg.connect(urls["reader_url"], autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM etl_log").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
            reader.execute("SET TRANSACTION READ WRITE")
            reader.execute("DELETE FROM etl_log")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(urls["metadata_url"].removesuffix("superset") + "iot")
    with psycopg.connect(urls["metadata_url"]) as superset:
        superset.execute("CREATE TABLE anything (id int)")

    own = {"superset_database_url": urls["reader_url"], "superset_metadata_url": urls["metadata_url"]}
    folder = tmp_path / "superset"
    folder.mkdir()
    found = ensure(Settings.load(home=tmp_path / "other", **own), folder, None, quiet)
    assert found.metadata.replace("+psycopg2", "") == urls["metadata_url"]
    assert found.data_url.startswith("postgresql+psycopg2://etl_reader@")
