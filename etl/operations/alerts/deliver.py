"""Hands one message to one receiver, in bounded time (`etl.operations.alerts.messenger`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from etl.operations.alerts.texts import Text
from etl.settings import Settings
from etl.settings.receivers import Receiver

LIMIT_SECONDS = 15.0
"""Longest time for one message, importing apprise included."""
_PROGRAM = str(Path(__file__).with_name("messenger.py"))
_KILLED_LATER = 1.0
_ERROR_LENGTH = 500


def deliver(settings: Settings, receiver: Receiver, text: Text, *, seconds: float = LIMIT_SECONDS) -> str:
    """Send a text to a receiver; returns why it was not taken, without secrets, or nothing."""
    message = {
        "url": receiver.url.get_secret_value(),
        "subject": text.subject,
        "body": text.body,
        "type": text.type,
        "seconds": seconds + _KILLED_LATER,
    }
    try:
        done = subprocess.run(
            # -P: the modules beside the program are none of its imports.
            [sys.executable, "-P", "-X", "utf8", _PROGRAM],
            input=json.dumps(message),
            stdout=subprocess.PIPE,
            # What apprise or a library reports there may contain the URL.
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    if done.returncode == 0:
        return ""
    said = done.stdout.strip() or f"the process that sends it ended with {done.returncode}"
    return settings.mask(said)[:_ERROR_LENGTH]
