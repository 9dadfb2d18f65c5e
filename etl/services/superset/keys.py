"""Superset's secrets: generated once, kept in files that only their owner can read."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from etl.services.process import write_private

USERS = {"admin": "Admin", "analyst": "ETL analyst", "viewer": "ETL viewer"}
"""Who can sign in, and with which role."""


def secret(file: Path) -> str:
    """The secret in a file; generates one if there is none."""
    if not file.exists():
        # The end has characters of each kind: a database's password rules may require that.
        write_private(file, f"{secrets.token_urlsafe(32)}-1aA")
    return file.read_text("utf-8")


def sign_in_file(folder: Path) -> Path:
    return folder / "sign-in.json"


def passwords(folder: Path) -> tuple[dict[str, str], bool]:
    """The users' passwords, and whether one was generated just now; those that exist stay."""
    file = sign_in_file(folder)
    known: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    lacking = {name: secrets.token_urlsafe(12) for name in USERS if name not in known}
    if lacking:
        write_private(file, json.dumps(known | lacking, indent=2) + "\n")
    return known | lacking, bool(lacking)
