"""What the project says about itself is the same everywhere: licence, versions of Python."""

from __future__ import annotations

import hashlib
import re
import tomllib

from packaging.licenses import canonicalize_license_expression
from packaging.specifiers import SpecifierSet

from tests.packaging.pins import PROJECT

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [f"3.{minor}" for minor in range(50) if f"3.{minor}.7" in SpecifierSet(METADATA["requires-python"])]
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text as the Apache Software Foundation publishes it."""


def test_the_licence_is_apaches_unchanged_text() -> None:
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_licence_is_declared_as_an_expression_and_its_files_are_there() -> None:
    assert METADATA["license"] == canonicalize_license_expression(METADATA["license"]) == "Apache-2.0"
    assert [name for name in METADATA["license-files"] if not (PROJECT / name).is_file()] == []
    assert "LICENSE" in METADATA["license-files"]
    assert [name for name in METADATA["classifiers"] if name.startswith("License ::")] == []


def test_every_place_names_the_same_versions_of_python() -> None:
    first, last = PYTHONS[0], PYTHONS[-1]
    assert len(PYTHONS) > 1

    prefix = "Programming Language :: Python :: 3."
    assert [name.split()[-1] for name in METADATA["classifiers"] if name.startswith(prefix)] == PYTHONS

    limits = f"(3, {first[2:]}) <= sys.version_info[:2] <= (3, {last[2:]})"
    listed = f"{', '.join(PYTHONS[:-1])} or {last}"
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    assert limits in makefile
    assert set(re.findall(r"python(3\.\d+)", makefile)) >= set(PYTHONS)
    assert f"no Python {listed} with venv" in makefile
    doctor = (PROJECT / "etl" / "operations" / "doctor.py").read_text("utf-8")
    assert limits in doctor
    assert f"Use Python {listed}." in doctor

    assert f"Python {first}–{last}" in (PROJECT / "README.md").read_text("utf-8")
    for file in ("Makefile", "requirements.txt"):
        assert f"pinned for Python {first} to {last}" in (PROJECT / file).read_text("utf-8")
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert re.findall(r'python: "(3\.\d+)"', workflow) == PYTHONS
