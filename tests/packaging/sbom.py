"""The software bill of materials in CycloneDX's format: `python -m tests.packaging.sbom FILE`.

It lists what is installed for a user: every pin of requirements.txt, for all platforms and Pythons (a conditional one with its
marker), and every Java library of the lock file with its SHA-256. The same inputs give the same bytes.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

from etl.settings.libraries import LOCK, Jar, locked
from tests.packaging.pins import PROJECT, REQUIREMENTS, pins


def sbom(requirements: Path = REQUIREMENTS, lock: Path = LOCK) -> str:
    """The bill of materials as JSON, with a serial number that follows from its content.

    Its time is that of SOURCE_DATE_EPOCH, in seconds since 1970; without it there is none.

    :raises ValueError: it breaks CycloneDX's schema; names the place.
    """
    bom = _bom([*map(_python, pins(requirements)), *map(_java, locked(lock))])
    bom.serial_number = uuid5(NAMESPACE_OID, JsonV1Dot6(bom).output_as_string())
    text = JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"The bill of materials breaks CycloneDX's schema: {error}")
    return text


def _bom(components: Iterable[Component]) -> Bom:
    bom = Bom(components=components)
    bom.metadata.component = _root()
    bom.metadata.tools.components.add(this_component())
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    # The library knows no bill without a number and a time; a random one and that of the run would differ each time.
    bom.serial_number = None  # type: ignore[assignment]
    bom.metadata.timestamp = datetime.fromtimestamp(int(epoch), UTC) if epoch else None  # type: ignore[assignment]
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def _root() -> Component:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    purl = PackageURL("pypi", name=project["name"], version=project["version"])
    return Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        description=project["description"],
        licenses=[DisjunctiveLicense(id=project["license"])],
        purl=purl,
        bom_ref=str(purl),
    )


def _python(pin: Requirement) -> Component:
    version = next(iter(pin.specifier)).version
    purl = PackageURL("pypi", name=pin.name, version=version)
    marker = [Property(name="notebook-etl:marker", value=str(pin.marker))] if pin.marker else []
    return Component(name=pin.name, version=version, purl=purl, bom_ref=str(purl), properties=marker)


def _java(jar: Jar) -> Component:
    purl = PackageURL("maven", namespace=jar.organisation, name=jar.module, version=jar.revision)
    return Component(
        group=jar.organisation,
        name=jar.module,
        version=jar.revision,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=jar.sha256)],
        purl=purl,
        bom_ref=f"{jar.part}:{purl}",
        properties=[Property(name="notebook-etl:class-path", value=jar.part)],
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(sbom(), "utf-8")
    sys.stdout.write(f"{target}: {len(pins())} pins of Python packages, {len(locked())} Java libraries\n")
