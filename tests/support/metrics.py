"""Metrics in Prometheus' text format, as a test reads them, and Prometheus' own program for checking them."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def samples(text: str) -> dict[str, float]:
    """Name and labels, as they are written, and the number."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    found = {name: float(number) for name, number in lines}
    assert len(found) == len(lines), "one number each"
    return found


def promtool(*arguments: str, given: str = "") -> str:
    """Run it; returns what it prints. The test is skipped where it is not installed, and fails where it finds a fault."""
    if shutil.which("promtool") is None:
        pytest.skip("NO ALERT RULE IS TESTED: there is no promtool (Debian, Ubuntu: apt-get install prometheus)")
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
