"""A program that hands one message to one receiver, through apprise.

A process of its own for each message, because what apprise calls may hang or print. Run as a file: it imports nothing of `etl`.
On standard input it gets a JSON object with the receiver's `url`, `subject`, `body`, `type` and the `seconds` after which it
ends itself, also where nobody waits for it any more. It ends with 0 where the receiver has taken the message; otherwise it writes
why not.
"""

from __future__ import annotations

import io
import json
import logging
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any


def main() -> int:
    """Send what standard input says; returns the exit code."""
    message = json.load(sys.stdin)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, message["seconds"])
    with redirect_stdout(io.StringIO()):
        refused = _send(message)
    print(refused)
    return 1 if refused else 0


def _send(message: Mapping[str, Any]) -> str:
    """Send a message; returns why it was not taken, or nothing."""
    import apprise

    # Nothing is kept on disk, and there is nothing to do side by side.
    asset = apprise.AppriseAsset(storage_mode="memory", async_mode=False, app_id="etl", app_desc="etl")
    service = apprise.Apprise.instantiate(message["url"], asset=asset)
    if service is None:
        return "apprise cannot use this URL; https://github.com/caronc/apprise/wiki shows those of each service"
    if "overflow=" not in message["url"]:
        # A receiver that takes only short messages gets several, instead of refusing a long one for ever.
        service.overflow_mode = apprise.OverflowMode.SPLIT
    said = io.StringIO()
    warnings = logging.StreamHandler(said)
    # Below, apprise logs whole URLs.
    warnings.setLevel(logging.WARNING)
    apprise.logger.addHandler(warnings)
    notifier = apprise.Apprise(asset=asset)
    notifier.add(service)
    taken = notifier.notify(
        title=message["subject"],
        body=message["body"],
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=message["type"],
    )
    if taken:
        return ""
    return (said.getvalue().strip().splitlines() or ["no reason was given"])[-1]


if __name__ == "__main__":
    sys.exit(main())
