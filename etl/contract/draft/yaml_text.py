"""Texts in YAML, quoted where they have to be."""

from __future__ import annotations

import re

import yaml

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "todo"}


def yaml_text(value: str) -> str:
    """A text as YAML."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10_000)
    return quoted.strip()
