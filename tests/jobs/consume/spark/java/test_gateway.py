"""How Spark's JVM is started, and what is left of it when it has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from etl.jobs.consume.spark.java import gateway, text
from etl.services import jars
from etl.services.java import find_java
from etl.settings import Settings
from tests.support.stack import JARS, quiet

SPARK = Path(pyspark.__file__).parent
FOR_MACHINE_LEARNING = "--add-modules=jdk.incubator.vector"
SESSION = """
import os, signal, subprocess, sys
import psutil
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
from pyspark import SparkContext
assert spark_session(Settings.load()).range(7).count() == 7
(jvm,) = psutil.Process().children()
print(FOR_MACHINE_LEARNING in jvm.cmdline(), sorted(name for name in os.environ if name.startswith("PYSPARK_GATEWAY")))
jvm.send_signal(signal.SIGINT)
assert SparkContext._active_spark_context.range(3).count() == 3, "an interrupt is not for the JVM"
SparkContext._gateway.proc.stdin.close()
jvm.wait(60)  # It returns for a zombie only when that has gone.
"""


def test_the_command_is_that_of_sparks_own_script_without_what_machine_learning_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    java = find_java(Settings.load(), quiet)
    monkeypatch.setenv("JAVA_HOME", str(java.home))
    configuration = {
        "spark.driver.extraClassPath": "/some where/a.jar:/b.jar",
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC {text.option('-Da=b c')}",
    }
    words = [word for name, value in configuration.items() for word in ("--conf", f"{name}={value}")]
    told = subprocess.run(
        [
            *(str(java.path), "-cp", str(SPARK / "jars" / "*"), "org.apache.spark.launcher.Main"),
            *("org.apache.spark.deploy.SparkSubmit", *words, "pyspark-shell"),
        ],
        env={
            **{"SPARK_HOME": str(SPARK), "SPARK_SCALA_VERSION": "2.13", "JAVA_HOME": str(java.home)},
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [word for word in told.stdout.strip("\n\0").split("\0") if word.strip() and word != FOR_MACHINE_LEARNING]
    ours = gateway.command(configuration)
    options = ours.index("--conf")
    assert ours[:options] == theirs[:options]
    assert sorted(ours[options:]) == sorted(theirs[options:])


@pytest.mark.parametrize("by_script", [False, True])
def test_a_jvm_that_has_ended_is_gone_and_interrupts_do_not_reach_it(tmp_path: Path, *, by_script: bool) -> None:
    settings = Settings.load(home=tmp_path, jars=JARS)
    jars.ensure(settings, find_java(settings, quiet), quiet)
    own_way = {"SPARK_CONF_DIR": str(tmp_path)} if by_script else {}
    ran = subprocess.run(
        [sys.executable, "-c", SESSION.replace("FOR_MACHINE_LEARNING", repr(FOR_MACHINE_LEARNING))],
        env={**os.environ, "ETL_HOME": str(tmp_path), "ETL_JARS": str(settings.jars_folder), **own_way},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[0] == f"{by_script} []"
