"""Where the contenders are installed: a separate environment, created once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from etl.settings import PROJECT_ROOT

REQUIREMENTS = PROJECT_ROOT / "benchmarks" / "requirements.txt"
CONTENDERS = PROJECT_ROOT / "benchmarks" / "contenders"
VENV = PROJECT_ROOT / ".services" / "benchmarks" / "venv"


def ensure(tell: Callable[[str], None]) -> Path:
    """Install the contenders if they are not installed yet; returns their Python."""
    python = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = VENV / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        tell("installing the contenders (once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "-r", str(REQUIREMENTS)]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted, "utf-8")
    return python
