"""The audit is a report: it never fails a run, and never calls something checked that was not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.packaging.audit import report
from tests.packaging.pins import PROJECT

_FINE = {"name": "numpy", "version": "2.4.6", "vulns": []}
_SKIPPED = {"name": "ours", "skip_reason": "Dependency not found and could not be audited: ours (1.0)"}
_BAD = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "aliases": ["CVE-2018-18074"], "fix_versions": ["2.20.0"], "description": "…"}],
}


def test_advisories_are_named_with_the_version_that_fixes_them() -> None:
    assert report("pins.txt", [_FINE, _BAD]).splitlines() == [
        "Audit of pins.txt: packages checked: 2, known vulnerabilities: 1",
        "  requests 2.19.0: PYSEC-2018-28, CVE-2018-18074; fixed in 2.20.0",
    ]


def test_a_package_that_the_service_does_not_know_is_not_called_checked() -> None:
    assert report("pins.txt", [_FINE, _SKIPPED]).splitlines() == [
        "Audit of pins.txt: packages checked: 1, known vulnerabilities: 0",
        "  NOT CHECKED: ours",
    ]


def test_a_service_that_knows_nothing_is_no_audit() -> None:
    assert report("pins.txt", [_SKIPPED]).startswith(
        "Audit of pins.txt: NOT DONE, the vulnerability service knows none"
    )


def test_without_a_network_it_says_so_in_one_line_and_the_run_goes_on(tmp_path: Path) -> None:
    requirements = tmp_path / "pins.txt"
    requirements.write_text("numpy==2.4.6\nidna==3.20\n", "utf-8")
    environment = {
        **os.environ,
        "PIP_CACHE_DIR": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            environment[name] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for name in ("NO_PROXY", "no_proxy"):
            environment.pop(name, None)
        run = subprocess.run(
            [sys.executable, "-m", "tests.packaging.audit", str(requirements)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, "")
    (line,) = run.stdout.splitlines()
    assert line.startswith("Audit of pins.txt: NOT DONE, pip-audit ended with")
