"""What is known to be wrong with pinned Python packages: `python -m tests.packaging.audit FILE…`.

It is a report: whatever pip-audit finds, and whether or not its vulnerability service can be reached, the exit code is 0. An
advisory that is published today must not fail a change that has nothing to do with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.packaging.pins import pins

SECONDS = 25
"""Longest time for the audit of one file."""


def audit(requirements: Path) -> str:
    """The report about a file of pins, a line if there is nothing to say.

    One package is asked for first: a mirror that has packages but no advisories answers each question with "unknown", and
    pip-audit calls that no vulnerability.
    """
    unconditional = [pin for pin in pins(requirements) if not pin.marker]
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.txt"
        probe.write_text(f"{unconditional[0]}\n", "utf-8")
        try:
            packages = _pip_audit(probe)
            if any("vulns" in package for package in packages):
                packages = _pip_audit(requirements)
        except (subprocess.TimeoutExpired, ValueError) as error:
            return _not_done(requirements.name, str(error))
    return report(requirements.name, packages)


def _not_done(name: str, reason: str) -> str:
    return f"Audit of {name}: NOT DONE, {reason}"


def _pip_audit(requirements: Path) -> list[dict[str, Any]]:
    """pip-audit's entries, one a package.

    :raises ValueError: pip-audit ended without an answer, as it does without a network.
    :raises subprocess.TimeoutExpired:
    """
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--timeout=5", "--format=json"]
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(requirements)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    try:
        return list(json.loads(run.stdout)["dependencies"])
    except json.JSONDecodeError:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"pip-audit ended with {last[:200]}") from None


def report(name: str, packages: Iterable[dict[str, Any]]) -> str:
    """pip-audit's entries as text: a line, one more for each advisory, and one for what it could not check."""
    packages = list(packages)
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        return _not_done(name, "the vulnerability service knows none of the packages (a mirror without advisories?)")
    advisories = [(package, advisory) for package in checked for advisory in package["vulns"]]
    lines = [f"Audit of {name}: packages checked: {len(checked)}, known vulnerabilities: {len(advisories)}"]
    for package, advisory in advisories:
        names = ", ".join([advisory["id"], *advisory["aliases"]])
        fixed = " or ".join(advisory["fix_versions"]) or "no version yet"
        lines.append(f"  {package['name']} {package['version']}: {names}; fixed in {fixed}")
    if skipped := [package["name"] for package in packages if "vulns" not in package]:
        lines.append(f"  NOT CHECKED: {', '.join(skipped)}")
    return "\n".join(lines)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(audit(Path(argument)) + "\n")
