"""What the tool makes on the embedded services, under an odd name, is for its owner only; `env` exports their addresses.

What the tool did not make keeps its rights.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from etl import services
from etl.jobs.produce.job import produce
from etl.services import postgres
from etl.settings import PROJECT_ROOT, Settings
from tests.support.stack import JARS, Project, quiet

pytestmark = pytest.mark.postgresql

OPEN_UMASK = 0o022
TOPS = ("checkpoint", "output", "backup", ".services")


def open_to_others(folder: Path) -> list[str]:
    """Whatever under a folder, or it itself, others have any right on."""
    return sorted(
        f"{path} {path.stat().st_mode & 0o777:o}"
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077
    )


def run(*command: str, **env: str) -> str:
    """Run Python as a user does whose umask lets everybody read."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, **env},
        cwd=PROJECT_ROOT,
        umask=OPEN_UMASK,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    # Java, log4j, Kafka, PostgreSQL, Hadoop, papermill: to each of them another one of these letters means something.
    name = tmp_path_factory.mktemp("homes") / "my étl 100% #1 project + 'x' & $y {z}"
    settings = Settings.load(home=name, jars=JARS)
    settings.home.mkdir()
    yield settings
    services.down(settings, quiet, delete_data=True)


def test_a_cycle_on_the_embedded_services_leaves_nothing_open(embedded: Settings) -> None:
    run("etl", "run", "--messages", "200", ETL_HOME=str(embedded.home), ETL_JARS=str(JARS))
    assert {path.name for path in embedded.home.iterdir()} == set(TOPS)
    assert [found for top in TOPS for found in open_to_others(embedded.home / top)] == []
    for expected in ("backup/*/*.csv", "backup/*/*.manifest.json", "output/runs/*/*.ipynb", "checkpoint/*/*/metadata"):
        assert list(embedded.home.glob(expected)), expected
    # Where its own path does not do, PostgreSQL's programs are copied there; they are no data.
    kept = [path for path in postgres._root(embedded).iterdir() if path.name != "package"]
    assert not postgres._root(embedded).stat().st_mode & 0o077
    assert [found for path in kept for found in open_to_others(path)] == []
    assert (embedded.services / "spark.log").read_text("utf-8").count("WARN") > 0, "log4j found its folder"
    assert [path.name for path in embedded.home.parent.iterdir()] == [embedded.home.name], "nothing is beside it"


def test_what_env_exports_means_the_embedded_services_also_after_they_got_other_ports(embedded: Settings) -> None:
    home = {"ETL_HOME": str(embedded.home), "ETL_JARS": str(JARS)}
    run("etl", "up", **home)
    lines = [line.removeprefix("export ").partition("=") for line in run("etl", "env", **home).splitlines()]
    exported = home | {name: shlex.split(value)[0] for name, _, value in lines}
    assert set(exported) >= {"ETL_KAFKA_BOOTSTRAP", "ETL_DATABASE_URL"}
    run("etl", "down", **exported)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(exported["ETL_DATABASE_URL"].rpartition(":")[2].partition("/")[0])))
        taken.listen()
        told = run("etl", "run", "room_temperatures", **exported)
    assert "starting PostgreSQL" in told
    assert "no readings are simulated" not in told
    found = json.loads(run("etl", "status", "--json", **exported))["services"]
    assert {name: service["embedded"] for name, service in found.items()} == dict.fromkeys(found, True)
    url = Settings.load(home=embedded.home).database().get_secret_value().replace("+psycopg", "")
    assert url != exported["ETL_DATABASE_URL"]
    with psycopg.connect(url) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM room_temperatures").fetchone() or (0,)
    assert rows > 9_000


def test_jobs_that_are_run_by_hand_keep_the_rights_of_what_was_there(project: Project) -> None:
    for top in TOPS[:3]:
        (project.home / top).mkdir(mode=0o755)
    produce(project.settings, project.contract, messages=100, bad_share=0.2, seed=1)
    run("tests.support.jobs", "consume", **project.env)
    parts = list(project.home.glob("output/*/batch-*/part-*.csv"))
    assert parts
    below = [path for top in TOPS[:3] for path in (project.home / top).iterdir()]
    assert [found for path in below for found in open_to_others(path)] == []
    run("tests.support.jobs", "merge", "load", **project.env)
    below = [path for top in TOPS[:3] for path in (project.home / top).iterdir()]
    assert len(below) == 3
    assert [found for path in below for found in open_to_others(path)] == []
    assert {(project.home / top).stat().st_mode & 0o777 for top in TOPS[:3]} == {0o755}


def test_doctor_names_what_others_can_read(project: Project) -> None:
    def found(*, ok: bool) -> str:
        told = json.loads(project.etl("doctor", "--json", expect=None).stdout)
        (finding,) = (finding for finding in told if finding["check"] == "private files")
        assert finding["ok"] is ok
        return f"{finding['found']}{finding['remedy']}"

    env_file = project.home / ".env"
    env_file.write_text("ETL_SPARK_MASTER=local[1]\n")
    env_file.chmod(0o644)
    assert found(ok=True) == "for their owner only", "it holds no secret"
    env_file.write_text("ETL_KAFKA_SASL_PASSWORD=x\n")
    assert f"chmod go= {env_file}" in found(ok=False)
    env_file.chmod(0o600)
    assert found(ok=True)
    (project.home / "output" / "old").mkdir(parents=True)
    (project.home / "output" / "old").chmod(0o750)
    assert "output/old" in found(ok=False)
