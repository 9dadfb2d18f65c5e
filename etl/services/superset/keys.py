"""Superset's secrets: generated once, kept in files that only their owner can read."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from pydantic import SecretStr

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


def passwords(folder: Path, admin: SecretStr | None = None) -> tuple[dict[str, str], bool]:
    """The users' passwords, and whether one is new; those that exist stay, unless another one is given.

    :param admin: the password that the user admin is to have.
    """
    given = {"admin": admin.get_secret_value()} if admin else {}
    file = sign_in_file(folder)
    known: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    wanted = {name: given.get(name) or known.get(name) or secrets.token_urlsafe(12) for name in USERS}
    if wanted != known:
        write_private(file, json.dumps(wanted, indent=2) + "\n")
    return wanted, wanted != known
