"""Reading by means of a Spark cluster: a real master and real workers, in separate processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import ServiceUnavailable
from etl.jobs.consume.spark.cluster import is_cluster, require_master
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.manifests import Batch
from tests.support.cluster import Cluster, Driver, cluster, driver
from tests.support.ports import closed_port
from tests.support.stack import JARS, Project

MESSAGES = 3000


class Machine:
    """As if another machine: with its own name and mounts in the same file system."""

    def __init__(self, folder: Path) -> None:
        spaces = ["--mount", "--uts", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
        made = [str(shutil.which("unshare")), *spaces]
        if not shutil.which("unshare") or subprocess.run([*made, "true"], check=False).returncode:
            pytest.skip("this machine lets nobody make name spaces")
        hosts = folder / "hosts"
        hosts.write_text("127.0.0.1 stranger localhost\n")
        script = 'hostname stranger; mount --bind "$0" /etc/hosts; exec "$@"'
        self.command = (*made, "sh", "-ec", script, str(hosts))
        self.process: subprocess.Popen[bytes] | None = None
        self._enter = ["--mount", *([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"])]

    def hide(self, folder: Path) -> None:
        """Have another, empty folder in its place there."""
        self._run("mount", "-t", "tmpfs", "none", str(folder))

    def show(self, folder: Path) -> None:
        self._run("umount", "-l", str(folder))

    def _run(self, *command: str) -> None:
        assert self.process is not None
        subprocess.run(["nsenter", "-t", str(self.process.pid), *self._enter, *command], check=True)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("spark") / "cluster") as made:
        yield made


@pytest.fixture(scope="module")
def other_machine(spark: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Two workers, the second of them on another machine, which has the same folders."""
    other = Machine(tmp_path_factory.mktemp("machine"))
    with spark.workers("first"), spark.workers("second", prefix=other.command) as processes:
        other.process = processes[0]
        yield other


@pytest.fixture(scope="module")
def reader(spark: Cluster) -> Iterator[Driver]:
    """One Spark session for all tests, as workers come and go."""
    with driver(spark) as made:
        yield made


def of(project: Project, **settings: str) -> dict[str, str]:
    """The settings of a project for the reader."""
    own = {name: value for name, value in project.env.items() if name.startswith("ETL_")}
    return {**own, "ETL_SPARK_EXECUTOR_SECONDS": "60", **settings}


def require_true(batch: Batch, folder: Path) -> None:
    """A manifest says what is in the files."""
    assert batch.rows == sum(part.rows for part in batch.parts) == batch.messages
    assert batch.rows == sum(offsets.next - offsets.first for offsets in batch.offsets.values())
    for part in batch.parts:
        file = folder / batch.name / part.name
        assert (file.stat().st_size, files.sha256(file)) == (part.bytes, part.sha256)


def test_without_workers_it_ends_in_bounded_time_and_says_so(project: Project, reader: Driver) -> None:
    produce(project.settings, project.contract, messages=10)
    said = reader.consume(**of(project, ETL_SPARK_EXECUTOR_SECONDS="1"))
    assert said["error"] == "ServiceUnavailable"
    assert "provided no executor within 1 s" in said["told"]
    assert project.sql("SELECT status FROM etl_log WHERE job_name = 'consume'") == [("FAILED",)]


@pytest.mark.usefixtures("other_machine")
def test_two_workers_read_exactly_what_was_sent(project: Project, spark: Cluster, reader: Driver) -> None:
    produce(project.settings, project.contract, messages=MESSAGES, bad_share=0.1, seed=5)
    said = reader.consume(**of(project))
    assert said == {"read": MESSAGES, "unparsable": said.get("unparsable"), "backlog": 0}
    output = manifests.feed_output(project.settings, "sensor_readings")
    assert manifests.strays(output) == [path.name for path in output.glob(f"{files.TEMPORARY_PREFIX}*")] == []
    batches = manifests.batches(output)
    assert sum(batch.messages for batch in batches) == MESSAGES
    for batch in batches:
        require_true(batch, output)
    assert list((spark.folder / "first").glob("app-*/*")), "each worker had an executor"
    assert list((spark.folder / "second").glob("app-*/*"))
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(MESSAGES)


def test_a_machine_that_loses_the_folder_is_found_and_nothing_is_lost(
    project: Project, other_machine: Machine, reader: Driver
) -> None:
    produce(project.settings, project.contract, messages=MESSAGES, seed=6)
    assert reader.consume(**of(project))["read"] == MESSAGES
    produce(project.settings, project.contract, messages=MESSAGES, seed=7)
    output = manifests.feed_output(project.settings, "sensor_readings")
    before = sorted(output.iterdir())
    other_machine.hide(output)
    # The first job finds it when rows are missing, the second one before it reads.
    for _ in range(2):
        said = reader.consume(**of(project))
        assert said["error"] == "StorageError", said
        assert str(output) in said["told"]
        assert "on stranger/127.0.0.1 does not arrive here" in said["told"]
        assert "Mount it on every machine" in said["told"]
    assert sorted(output.iterdir()) == before
    other_machine.show(output)
    assert reader.consume(**of(project))["read"] == MESSAGES
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(2 * MESSAGES)


def test_a_master_that_is_away_is_named() -> None:
    with closed_port() as port:
        settings = Settings.load(spark_master=f"spark://127.0.0.1:{port}", retry_seconds=0, jars=JARS)
        with pytest.raises(ServiceUnavailable, match=rf"No Spark master answers at spark://127\.0\.0\.1:{port}"):
            require_master(settings)


@pytest.mark.parametrize(
    ("master", "expected"),
    [("local", False), ("local[*]", False), ("local[2,3]", False), ("local-cluster[2,1,512]", True), ("yarn", True)],
)
def test_what_a_cluster_is(master: str, *, expected: bool) -> None:
    assert is_cluster(Settings.load(spark_master=master)) is expected
