from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from etl.errors import AlreadyRunning
from etl.settings import Settings
from etl.storage.locks import alive, feed_lock, is_alive

HOLD = """
import sys, time
from etl.storage.locks import feed_lock
from etl.settings import Settings
with feed_lock(Settings.load(), "weather", "cycle", what="cycle 42"):
    print("held", flush=True)
    sys.stdin.readline()
"""

LIVE = """
import os, sys
from datetime import datetime
from etl.storage.locks import alive
from etl.settings import Settings
with alive(Settings.load(), "weather", os.getpid(), datetime.fromisoformat(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""
STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def hold(settings: Settings, code: str = HOLD) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", code, STARTED.isoformat()],
        env={**os.environ, "ETL_HOME": str(settings.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_who_holds_the_lock_is_named_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, here = time.sleep, threading.get_ident()

    def must_not_sleep(seconds: float) -> None:
        assert threading.get_ident() != here, "it waits"
        sleep(seconds)  # Threads of tests before this one may still do so.

    with hold(settings) as child, monkeypatch.context() as patch:
        patch.setattr(time, "sleep", must_not_sleep)
        with pytest.raises(AlreadyRunning, match=rf"cycle 42 \(process {child.pid} on"):
            feed_lock(settings, "weather", "cycle", what="mine").__enter__()
        with feed_lock(settings, "weather", "job", what="mine"), feed_lock(settings, "other", "cycle", what="mine"):
            pass
        child.communicate("\n")


def test_a_killed_holder_gives_the_lock_back(settings: Settings) -> None:
    with hold(settings) as child:
        child.kill()
        child.wait()
    with feed_lock(settings, "weather", "cycle", what="mine"):
        pass


def test_whoever_waits_long_enough_gets_the_lock(settings: Settings) -> None:
    with hold(settings) as child:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
        with feed_lock(settings, "weather", "cycle", what="mine", wait_seconds=60):
            pass
        child.wait()


def test_a_job_lives_as_long_as_its_process_holds_on(settings: Settings) -> None:
    with hold(settings, LIVE) as child:
        assert is_alive(settings, "weather", child.pid, STARTED)
        assert not is_alive(settings, "weather", child.pid, datetime.now(UTC)), "an earlier job with the same number"
        child.kill()
        child.wait()
        assert not is_alive(settings, "weather", child.pid, STARTED)
    with alive(settings, "weather", os.getpid(), STARTED):
        assert is_alive(settings, "weather", os.getpid(), STARTED)
    assert not is_alive(settings, "weather", os.getpid(), STARTED)
    assert list(settings.locks.iterdir()) == []
