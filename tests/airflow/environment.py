"""Airflow's virtual environment, which cannot be the project's: `python -m tests.airflow.environment` installs it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from etl.settings import PROJECT_ROOT

VENV = Path(os.environ.get("ETL_TEST_AIRFLOW_VENV") or PROJECT_ROOT / ".services" / "airflow" / "venv").absolute()
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_STAMP = VENV / "installed.sha256"


def is_current() -> bool:
    """Whether it contains what the lock file lists."""
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text("utf-8") == _hash()


def ensure() -> None:
    """Install it (800 MB, one to two minutes), unless it is up to date.

    :raises subprocess.CalledProcessError: pip could not install it, and has said why.
    """
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(VENV.with_name(f"{VENV.name}.lock"), timeout=900):
        if is_current():
            return
        print(f"installing Airflow in {VENV} (once, one to two minutes, 800 MB)", flush=True)
        # Packages of an older lock file must not stay.
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
        subprocess.run([*pip, "install", "--requirement", str(REQUIREMENTS)], check=True)
        _STAMP.write_text(_hash(), "utf-8")


def _hash() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        ensure()
    except subprocess.CalledProcessError as error:
        print(f"Airflow could not be installed, so its tests are skipped: {error}", file=sys.stderr)
