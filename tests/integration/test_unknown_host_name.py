"""A host whose own name has no address, as in some containers and builds of images: Spark starts all the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT
from tests.support.stack import JARS

HOST = "a-name-that-nobody-knows"
START = """
import socket
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
print(socket.gethostname(), spark_session(Settings.load()).range(3).count())
"""


def _may_have_its_own_name() -> bool:
    command = ["unshare", "--uts", "hostname", HOST]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_have_its_own_name(), reason="NO UNKNOWN HOST NAME IS TESTED: unshare --uts needs root")
@pytest.mark.usefixtures("stack")
def test_spark_starts_on_a_host_whose_name_has_no_address(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text(START, "utf-8")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(PROJECT_ROOT)}
    environment |= {"ETL_HOME": str(tmp_path / "home"), "ETL_JARS": str(JARS)}
    command = f'hostname {HOST} && exec "$0" "$1"'
    run = subprocess.run(
        ["unshare", "--uts", "sh", "-c", command, sys.executable, str(tmp_path / "start.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    log = tmp_path / "home" / ".services" / "spark.log"
    assert run.returncode == 0, run.stderr + log.read_text("utf-8")
    assert run.stdout.split() == [HOST, "3"]
