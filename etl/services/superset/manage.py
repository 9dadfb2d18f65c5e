"""Runs `superset/manage.py` with Superset's Python: its metadata must be changed from inside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.errors import SetupError
from etl.services.superset import server
from etl.settings import Settings
from etl.settings.packaged import packaged

SCRIPT = packaged("superset", "manage.py")


@dataclass(frozen=True)
class Result:
    """The result of a job."""

    present: dict[str, list[str]]
    """The uuids in Superset, by kind: databases, datasets, charts, dashboards."""
    errors: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def run(settings: Settings, python: Path, job: Mapping[str, Any]) -> Result:
    """Do a job; its keys are explained in `superset/manage.py`.

    :raises SetupError: Superset failed; its output is in the named log.
    """
    log = server.folder(settings) / "manage.log"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [python, SCRIPT],
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            cwd=server.folder(settings),
            env=server.environment(settings),
            check=False,
        )
    if done.returncode != 0:
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
        raise SetupError(f"Superset could not be set up: {''.join(last)}", remedy=f"Its output: {log}")
    return Result(**json.loads(done.stdout))
