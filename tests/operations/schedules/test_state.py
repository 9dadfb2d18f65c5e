from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from etl.cli.report.cycles import so_far
from etl.operations.schedules.state import schedules, watching
from etl.settings import Settings

START = datetime(2026, 11, 21, 4, 50, 7, tzinfo=UTC)  # a Saturday


def test_a_schedule_reports_its_state_until_it_ends(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    with watching(settings, "5m", ("one", "two"), None) as watch:
        watch.cycle_ended(3.25, failed=False)
        watch.cycle_ended(1.5, failed=True)
        watch.waits_until(START)
        (state,) = schedules(settings)
        assert state == watch.state
        assert (state.pid, state.every, state.feeds) == (os.getpid(), "5m", ("one", "two"))
        assert (state.cycles, state.failed, state.last_seconds) == (2, 1, 1.5)
        assert state.next_due == START.isoformat()
        assert state.own.memory > 1 << 20
        assert state.own.handles > 0
        assert so_far(state).startswith("2 done, 1 failed · the last one 1.5 s; ")
        assert so_far(state, open_incidents=2).startswith("2 done, 1 failed · 2 open incidents · the last one 1.5 s; ")
    assert schedules(settings) == []


def test_what_a_dead_schedule_left_is_no_schedule(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    with watching(settings, "5m", ("one",), None) as watch:
        (file,) = (settings.services / "schedules").iterdir()
        told = json.loads(file.read_text("utf-8"))
        file.with_name("1.json").write_text(json.dumps({**told, "created": told["created"] - 60}), "utf-8")
        file.with_name("2.json").write_text("{torn", "utf-8")
        assert schedules(settings) == [watch.state]
    with watching(settings, "5m", ("one",), None):
        assert [found.name for found in (settings.services / "schedules").iterdir()] == [file.name]
