"""What the figures were measured on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks import connect

OURS = ("pyspark", "pandas", "pyarrow", "kafka-python", "psycopg", "sqlalchemy", "papermill")
THEIRS = ("aiokafka", "confluent-kafka", "dlt", "adbc-driver-postgresql", "polars", "duckdb", "pandas")


def load() -> list[float]:
    """The load averages of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def describe(python: Path | None = None) -> dict[str, object]:
    """Cores, memory, system and versions; nothing that names the machine.

    :param python: of the contenders' environment, where there are contenders.
    """
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in OURS},
        **({"contenders": _contenders(python)} if python else {}),
    }


def _contenders(python: Path) -> dict[str, str]:
    ask = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {THEIRS!r}}}))"
    theirs = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    return {**json.loads(theirs), **connect.versions()}
