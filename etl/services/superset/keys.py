"""Superset's secrets: generated once, kept in files for their owner only."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from etl.services.process import write_private

USERS = {"admin": "Admin", "viewer": "ETL viewer"}
"""Who can sign in, and with which role."""


def secret(file: Path) -> str:
    """The secret of a file; makes one where there is none."""
    if not file.exists():
        # The end holds characters of each kind: a database's rules for passwords may ask for that.
        write_private(file, f"{secrets.token_urlsafe(32)}-1aA")
    return file.read_text("utf-8")


def sign_in_file(folder: Path) -> Path:
    return folder / "sign-in.json"


def passwords(folder: Path) -> tuple[dict[str, str], bool]:
    """The users' passwords, and whether they were made just now."""
    file = sign_in_file(folder)
    new = not file.exists()
    if new:
        write_private(file, json.dumps({name: secrets.token_urlsafe(12) for name in USERS}, indent=2) + "\n")
    read: dict[str, str] = json.loads(file.read_text("utf-8"))
    return read, new
