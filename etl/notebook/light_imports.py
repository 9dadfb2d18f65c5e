"""Importing papermill without what it would import for places and formats that are not used here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_NEVER_USED = (
    # Formats of jsonschema that a notebook has no values of: addresses (which generates a parser, for a second) and durations.
    *("rfc3987_syntax", "isoduration"),
    # Places where papermill could keep notebooks: with a driver of SQL Server there is a client of Azure.
    *("papermill.abs", "papermill.adl", "papermill.s3", "gcsfs", "github"),
)


@contextmanager
def light_imports() -> Iterator[None]:
    """While it lasts, these modules are as if they were not installed, which those that would import them allow for."""
    blocked = [name for name in _NEVER_USED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]
