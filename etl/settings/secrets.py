"""Secrets in files, one a setting, as container engines mount them (ETL_SECRETS_DIR/etl_database_url), and in URLs."""

from __future__ import annotations

import re
from pathlib import Path

_PREFIX = "etl_"


def require_readable(folder: Path) -> Path:
    """The folder, if each file in it that is named like a setting can be read.

    pydantic-settings reads the files, and would skip what is no file with a warning, or end with a traceback.

    :raises ValueError: the folder or a file in it cannot be read; names it, and shows nothing of its content.
    """
    file = folder
    try:
        for file in sorted(folder.iterdir()):
            if file.name.lower().startswith(_PREFIX):
                file.read_text("utf-8")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8") from None
    return folder


def passwords_of(url: str) -> set[str]:
    """Passwords as they are written in a URL."""
    found = set(re.findall(r"[?&](?:password|pwd|sslpassword)=([^&]*)", url, re.IGNORECASE))
    # Not `urlsplit`: it does not find a password with a slash or a bracket.
    if "@" in url and ":" in (login := url.partition("://")[2].rpartition("@")[0]):
        found.add(login.partition(":")[2])
    return found
