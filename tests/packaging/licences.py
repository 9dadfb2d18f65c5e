"""Licences of the pinned Python packages, as their metadata declare them.

`python -m tests.packaging.licences` prints the table of docs/supply-chain.md.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tests.packaging.pins import pins

PERMISSIVE = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Zlib",
    ]
)
"""SPDX identifiers of licences that only ask for their text to be kept. `BSD`: the metadata do not say with how many clauses."""

WEAK_COPYLEFT = frozenset({"LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-2.0"})
"""Of licences under which changes of the package itself stay open; what imports it may have any licence."""

ELSEWHERE = {
    "aiohappyeyeballs": "PSF-2.0",
    "aiohttp": "Apache-2.0 AND MIT",
    "aiosignal": "Apache-2.0",
    "appnope": "BSD-2-Clause",
    "colorama": "BSD",
    "frozenlist": "Apache-2.0",
    "multidict": "Apache-2.0",
    "overrides": "Apache-2.0",
    "propcache": "Apache-2.0",
    "pywinpty": "MIT",
    "yarl": "Apache-2.0",
}
"""Of packages that not every platform or Python needs: read from their wheels."""

_SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "BSD": "BSD",
    "ISC License (ISCL)": "ISC",
    "ISC License": "ISC",
    "ISC license": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def licence(fields: PackageMetadata) -> str:
    """The licence that a package declares: its expression, else its field `License`, else its classifier.

    Old metadata have the whole text in the field, whose first line may be the name. What is neither an expression nor a known
    spelling is skipped; `unknown` if nothing is left.
    """
    classifiers = [value.split(" :: ")[-1] for value in fields.get_all("Classifier", []) if value.startswith("License")]
    for declared in [*fields.get_all("License-Expression", []), *fields.get_all("License", []), *classifiers]:
        first_line = declared.strip().partition("\n")[0]
        if first_line in _SPDX:
            return _SPDX[first_line]
        try:
            return str(canonicalize_license_expression(declared))
        except InvalidLicenseExpression:
            continue
    return "unknown"


def licences() -> dict[str, str]:
    """Each pinned package with its licence; `unknown` if it is neither installed nor in `ELSEWHERE`."""
    return {pin.name: _of(pin.name) for pin in pins()}


def _of(name: str) -> str:
    try:
        return licence(metadata(name))
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "unknown")


def identifiers(expression: str) -> set[str]:
    """The licences that an SPDX expression names."""
    return set(expression.replace("(", " ").replace(")", " ").split()) - {"AND", "OR", "WITH"}


def table(of_packages: Mapping[str, str]) -> str:
    """A Markdown table, a row for each licence with its packages, the most frequent first."""
    packages = defaultdict(list)
    for name, expression in of_packages.items():
        packages[expression].append(name)
    rows = sorted(packages.items(), key=lambda row: (-len(row[1]), row[0]))
    lines = [f"| `{expression}` | {', '.join(sorted(names))} |" for expression, names in rows]
    return "\n".join(["| licence | packages |", "|---|---|", *lines])


if __name__ == "__main__":
    sys.stdout.write(table(licences()) + "\n")
