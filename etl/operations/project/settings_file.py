"""The text of a `.env` with every setting, each of them commented out."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from etl.settings import Settings

_HEADING = """\
# Settings of this project; the environment takes precedence over this file. Remove the # before a setting to use it.
# Keep this file private: it may come to hold passwords. ETL_HOME is this folder.
"""
_WIDTH = 120
_FINDS_THE_FILE = "home"


def settings_file() -> str:
    """Every field of `Settings` with its description and default, but `home`: the file is found by it. Nothing of the machine."""
    lines = [_HEADING]
    for name, field in Settings.model_fields.items():
        if name == _FINDS_THE_FILE:
            continue
        lines += textwrap.wrap(field.description or name, _WIDTH, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"#ETL_{name.upper()}={_written(field.default)}\n")
    return "\n".join(lines)


def _written(value: Any) -> str:
    """A default as a variable has it; nothing where there is none."""
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, tuple):
        return os.pathsep.join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(Path(value) if isinstance(value, Path) else value)
