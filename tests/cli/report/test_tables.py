"""Tables are whole: through a pipe one line a row, and on a terminal folded where they are too wide."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import ioctl
from functools import cache
from struct import pack
from termios import TIOCSWINSZ
from typing import Any

import pytest

from etl.settings import PROJECT_ROOT

LONG = "a-name-that-is-longer-than-any-terminal-" * 8
CYCLE = "20251126T120000Z-0a1b"
TIME = datetime(2025, 11, 26, 12, tzinfo=UTC)
AUDIT_ROW = {
    **{"cycle_id": CYCLE, "start_time": TIME, "feed": LONG, "job_name": "produce", "status": "SUCCESS"},
    **{"duration_seconds": 12.5, "records_read": 1_234_567, "records_processed": 1_234_567},
    **{"records_rejected": 7_654_321, "records_duplicate": 1_111_111, "records_conflicting": 2_222_222},
}


def audit() -> list[Any]:
    from etl.cli.report.audit import audit_table

    return [audit_table([AUDIT_ROW, {**AUDIT_ROW, "status": "FAILED"}], cycles=True)]


def status() -> list[Any]:
    from etl.cli.report.status import status_tables

    backlog = {"messages": 1_234_567, "files": None, "batches": 12, "archives": 3}
    held = {"memory": 1 << 30, "handles": 1_234, "threads": 56}
    schedule = {"every": "*/5 * * * *", "feeds": [LONG, "rooms"], "pid": 4242, "cycles": 12_345, "failed": 7}
    return status_tables(
        {
            "services": {"kafka": {"embedded": True, "reachable": True, "bootstrap": LONG}},
            "feeds": {
                LONG: {
                    "backlog": backlog,
                    "set_aside": 9,
                    "incidents": [{"kind": "stale"}],
                    "last_cycle": {"cycle_id": CYCLE, "status": "RUNNING"},
                }
            },
            "schedules": [{**schedule, "own": held, "kernel": held, "next_due": TIME.isoformat()}],
        }
    )


def feeds() -> list[Any]:
    from etl.cli.report.contract.tables import columns_table, facts_table, feeds_table
    from etl.contract.reader import load_contract
    from etl.settings import Settings

    contract = load_contract("device_events", Settings.load())
    return [feeds_table([contract]), columns_table(contract), facts_table(contract)]


def quarantine() -> list[Any]:
    from etl.cli.report.quarantine import quarantine_summary, quarantine_table, rejected_row, set_aside_table

    problem = {"rule": "pattern", "column": "device", "value": LONG}
    place = {"source_name": "topic", "source_partition": 0, "source_offset": 12, "source_item": 0}
    row = {"rejected_id": 7, "feed": "rooms", "reason": "time_out_of_range", "status": "QUARANTINED", "rows": 1}
    row |= {**place, "problems": [problem], "raw": f'{{"device": "{LONG}"}}', "raw_rebuilt": False, "cycle_id": CYCLE}
    row |= {"replayed_by": None, "note": None, "beside_message": None}
    aside = {
        "feed": "rooms",
        "kind": "landing",
        "name": f"{LONG}.csv",
        "set_aside_at": TIME,
        "attempts": 2,
        "cause": LONG,
    }
    return [quarantine_summary([row]), quarantine_table([row]), rejected_row(row), set_aside_table([aside], width=80)]


def retention() -> list[Any]:
    from etl.cli.report.retention import pruned
    from etl.operations.retention.policy import Item, Pruned

    item = Item("landing file", "compress", "rooms", f"{LONG}.csv", 1, 1_234_567, 1_000_000, LONG)
    return pruned(Pruned(True, (item,), ()))


def doctor() -> list[Any]:
    from etl.cli.report.doctor import findings_table
    from etl.operations.doctor import Finding

    return [findings_table([Finding("Java libraries", False, LONG, f"{LONG} is the remedy")])]


def cycles() -> list[Any]:
    from etl.cli.report.cycles import feeds_summary
    from etl.errors import PermanentError
    from etl.operations.cycle import Cycle

    return [feeds_summary([Cycle("rooms", CYCLE, (), PermanentError(LONG))], ["rooms", "later"])]


@dataclass(frozen=True)
class Kind:
    """Tables, and words that must be in them whatever the width."""

    make: Callable[[], list[Any]]
    whole: tuple[str, ...]
    long: tuple[str, ...] = (LONG,)


KINDS = {
    "history": Kind(audit, (CYCLE, "produce", "SUCCESS", "FAILED", "1,234,567", "7,654,321", "1,111,111", "2,222,222")),
    "status": Kind(status, (CYCLE, "RUNNING", "up", "1,234,567", "12,345", "4242")),
    "feeds": Kind(
        feeds, ("device_events",), ("etl/contract/feeds/device_events.odcs.yaml", "Kafka topic device_stream, JSON")
    ),
    "quarantine": Kind(quarantine, ("QUARANTINED", "time_out_of_range", "landing")),
    "prune": Kind(retention, ("would be", "1,234,567"), (f"{LONG}.csv", f"compressed: {LONG}")),
    "doctor": Kind(doctor, ("!!", "Java libraries"), (f"{LONG} is the remedy",)),
    "run": Kind(cycles, ("rooms", CYCLE, "not begun"), (f"failed: {LONG}",)),
}


PROGRAM = [sys.executable, "-m", "tests.cli.report.test_tables"]
"""Prints the tables of all kinds, each under its name."""


def environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")
    }
    return {**inherited, "PYTHONPATH": str(PROJECT_ROOT), "TERM": "xterm"}


@cache
def piped(force_color: str) -> dict[str, str]:
    """What is printed into a pipe by kind; the shell's variables name a width."""
    more = {"COLUMNS": "40", "FORCE_COLOR": force_color}
    done = subprocess.run(PROGRAM, env={**environment(), **more}, capture_output=True, text=True, check=True)
    return divided(done.stdout)


@cache
def on_terminal(columns: int) -> dict[str, str]:
    """What is printed on a terminal of this width by kind, without colours."""
    leader, follower = pty.openpty()
    ioctl(follower, TIOCSWINSZ, pack("HHHH", 50, columns, 0, 0))
    printed = b""
    with subprocess.Popen(
        PROGRAM, env=environment(), stdin=follower, stdout=follower, stderr=subprocess.PIPE
    ) as process:
        os.close(follower)
        try:
            while chunk := os.read(leader, 65_536):
                printed += chunk
        except OSError:
            pass  # Linux: the program has closed the terminal.
        os.close(leader)
        assert process.wait() == 0, process.stderr and process.stderr.read()
    return divided(re.sub(r"\x1b\[[0-9;]*m", "", printed.decode().replace("\r\n", "\n")))


def divided(printed: str) -> dict[str, str]:
    parts = re.split(r"^=== (\w+)\n", printed, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    assert found.keys() == KINDS.keys()
    return found


@pytest.mark.parametrize("force_color", ["", "1"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_or_folded_where_there_is_no_terminal(kind: str, force_color: str) -> None:
    printed = piped(force_color)[kind]
    lines = printed.splitlines()
    for word in (*KINDS[kind].whole, *KINDS[kind].long):
        assert any(word in line for line in lines), (word, lines)
    assert "…" not in printed
    if not force_color:
        assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("kind", KINDS)
def test_a_terminal_shows_statuses_names_and_numbers_in_one_piece(kind: str, columns: int) -> None:
    shown = on_terminal(columns)[kind]
    for word in KINDS[kind].whole:
        assert word in shown, (word, shown)
    if columns == 140:
        assert all(len(line) <= columns for line in shown.splitlines()), shown


def main() -> None:
    from etl.cli.report.tables import print_tables

    for name, kind in KINDS.items():
        print("===", name, flush=True)
        print_tables(*kind.make())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
