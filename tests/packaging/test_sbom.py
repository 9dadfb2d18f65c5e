"""The bill of materials lists what is installed, keeps CycloneDX's schema, and is reproducible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.settings.libraries import LOCK, locked
from tests.packaging.pins import PROJECT, REQUIREMENTS, pins
from tests.packaging.sbom import sbom


@pytest.fixture(scope="module")
def text() -> str:
    """The bill of materials; making it includes the check against the schema."""
    return sbom()


def test_it_lists_every_pin_with_its_marker(text: str) -> None:
    listed = {component["purl"]: _properties(component) for component in json.loads(text)["components"]}
    for pin in pins():
        version = str(pin.specifier).removeprefix("==")
        marker = {"notebook-etl:marker": str(pin.marker)} if pin.marker else {}
        assert listed.pop(f"pkg:pypi/{pin.name}@{version}") == marker
    assert [purl for purl in listed if not purl.startswith("pkg:maven/")] == []


def test_it_reads_every_line_of_the_requirements() -> None:
    lines = REQUIREMENTS.read_text("utf-8").splitlines()
    assert len(pins()) == sum("==" in line and not line.startswith("#") for line in lines)


def test_it_lists_every_java_library_with_its_hash(text: str) -> None:
    java = [component for component in json.loads(text)["components"] if component["purl"].startswith("pkg:maven/")]
    listed = {
        (_properties(component)["notebook-etl:class-path"], component["purl"]): component["hashes"]
        for component in java
    }
    assert listed == {
        (jar.part, f"pkg:maven/{jar.organisation}/{jar.module}@{jar.revision}"): [
            {"alg": "SHA-256", "content": jar.sha256}
        ]
        for jar in locked()
    }
    assert len(java) == len(locked())


def test_the_project_depends_on_all_of_them(text: str) -> None:
    bill = json.loads(text)
    project = bill["metadata"]["component"]
    assert project["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    depends_on = {entry["ref"]: set(entry.get("dependsOn", [])) for entry in bill["dependencies"]}
    references = [component["bom-ref"] for component in bill["components"]]
    assert depends_on[project["bom-ref"]] == set(references)
    assert len(set(references)) == len(references)


def test_another_run_gives_the_same_bytes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "not there yet" / "sbom.cdx.json"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "tests.packaging.sbom", str(file)]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    assert file.read_text("utf-8") == text
    assert str(PROJECT) not in text


def test_one_that_breaks_the_schema_is_refused(tmp_path: Path) -> None:
    libraries = json.loads(LOCK.read_text("utf-8"))[:1]
    libraries[0]["sha256"] = "not a hash"
    lock = tmp_path / "lock.json"
    lock.write_text(json.dumps(libraries), "utf-8")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy==2.4.6\n", "utf-8")
    with pytest.raises(ValueError, match="not a hash"):
        sbom(requirements, lock)


def _properties(component: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in component.get("properties", [])}
