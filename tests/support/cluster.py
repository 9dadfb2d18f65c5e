"""A real standalone Spark cluster on 127.0.0.1, from the jars that PySpark brings: a master, and workers as a test wants them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyspark

from etl.services.java import find_java
from etl.settings import PROJECT_ROOT, Settings
from tests.support.spark_driver import ANSWER

SPARK_HOME = Path(pyspark.__file__).parent
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Cluster:
    """A master. `driver` asks jobs to read by means of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = self._page = ""
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "spark-defaults.conf").write_text(
            f"spark.driver.host 127.0.0.1\nspark.executor.memory 512m\nspark.executor.extraJavaOptions {' '.join(QUICK)}\n"
        )
        self.env = {
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(folder / "conf"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # What Spark's own scripts find out before they start a worker.
            "SPARK_SCALA_VERSION": next(SPARK_HOME.glob("jars/spark-core_*")).name.split("_")[1].partition("-")[0],
        }

    def has_ports(self) -> bool:
        """Whether the master has taken its ports; then they are known."""
        said = (self.folder / "master.log").read_text("utf-8")
        found = dict(re.findall(r"Successfully started service '(\w+)' on port (\d+)", said))
        if has := {"sparkMaster", "MasterUI"} <= found.keys():
            self.url = f"spark://127.0.0.1:{found['sparkMaster']}"
            self._page = f"http://127.0.0.1:{found['MasterUI']}/json/"
        return has

    def state(self) -> Mapping[str, Any]:
        """What the master's page says."""
        with urllib.request.urlopen(self._page, timeout=60) as answer:
            found: Mapping[str, Any] = json.load(answer)
        return found

    def alive(self) -> int:
        return sum(worker["state"] == "ALIVE" for worker in self.state()["workers"])

    @contextlib.contextmanager
    def workers(self, *names: str, prefix: tuple[str, ...] = ()) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Workers with one core each, for as long as the block lasts; the master has noticed when they are there or gone.

        :param prefix: a command that runs them.
        """
        before = self.alive()
        with contextlib.ExitStack() as held:
            started = []
            for name in names:
                options = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
                place = ["--work-dir", str(self.folder / name), self.url]
                worker = self.daemon("worker.Worker", *options, *place, name=name, prefix=prefix)
                started.append(held.enter_context(worker))
            wait_until(lambda: self.alive() == before + len(names), f"{len(names)} more workers")
            yield started
        wait_until(lambda: self.alive() == before, "the workers' end")

    @contextlib.contextmanager
    def daemon(
        self, kind: str, *options: str, name: str, prefix: tuple[str, ...] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        java = [str(find_java(Settings.load(), lambda _: None).path), "-Xmx256m", *QUICK, "-cp", f"{SPARK_HOME}/jars/*"]
        command = [*prefix, *java, f"org.apache.spark.deploy.{kind}", *options]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **self.env}, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            # A worker ends its executors. Whatever of the group were left goes as well.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A master without workers."""
    made = Cluster(folder)
    options = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
    with made.daemon("master.Master", *options, name="master"):
        wait_until(made.has_ports, "the master's ports")
        wait_until(lambda: _answers(made.state) and made.state()["status"] == "ALIVE", "the master")
        yield made


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Look at what other processes do until they have done it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def _answers(ask: Callable[[], object]) -> bool:
    # The page of a master that is starting is there before its JSON is.
    with contextlib.suppress(OSError, json.JSONDecodeError):
        ask()
        return True
    return False


class Driver:
    """A process that keeps its Spark session from job to job."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def consume(self, **settings: str) -> dict[str, Any]:
        """What one job said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(settings), file=self._process.stdin, flush=True)
        said = []
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                answer: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
                return answer
            said.append(line)
        raise AssertionError("".join(said))


@contextlib.contextmanager
def driver(made: Cluster) -> Iterator[Driver]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.spark_driver"],
        env={**os.environ, **made.env, "ETL_SPARK_MASTER": made.url},
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Driver(process)
    finally:
        process.kill()
        process.communicate()
