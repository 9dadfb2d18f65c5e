"""What a message says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.operations.alerts.texts import digest_of, text_of
from etl.settings import Settings

OPENED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROW: dict[str, Any] = {
    "alert_id": 1,
    "event": "opened",
    "attempts": 0,
    "incident_id": 7,
    "kind": "job_failed",
    "feed": "tanks",
    "key": "load",
    "severity": "error",
    "cause": "The disk is full.",
    "remedy": "Free some space.",
    "cycle_id": "20260102T030405Z-ab12",
    "job_name": "load",
    "notebook": "output/runs/20260102T030405Z-ab12/04_load.ipynb",
    "opened_at": OPENED_AT,
    "resolved_at": None,
    "resolved_in": None,
}
OVER = {
    **ROW,
    "event": "resolved",
    "resolved_at": OPENED_AT + timedelta(hours=1, seconds=1.4),
    "resolved_in": "20260102T040406Z-cd34",
}


def write_notebook(home: Path, cells: Any) -> None:
    file = home / ROW["notebook"]
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cells": cells}), "utf-8")


def test_an_opened_incident_names_all_that_helps(tmp_path: Path) -> None:
    error = {"output_type": "error", "ename": "OSError", "evalue": "", "traceback": ["12.5 m"]}
    cells = [
        {"cell_type": "markdown", "source": "An exception"},
        {"cell_type": "code", "execution_count": 1, "outputs": [{"output_type": "stream", "text": "fine"}]},
        {"cell_type": "code", "execution_count": 3, "outputs": [{"output_type": "stream", "text": ""}, error]},
        {"cell_type": "code", "execution_count": None, "outputs": []},
    ]
    write_notebook(tmp_path, cells)
    text = text_of(ROW, Settings.load(home=tmp_path))
    assert text.subject == "[tanks] job_failed load: opened"
    assert text.type == "failure"
    assert text.body.splitlines() == [
        "Feed: tanks",
        "Kind: job_failed (error)",
        "About: load",
        "Since: 2026-01-02 03:04:05 UTC",
        "Job: load",
        "Cause: The disk is full.",
        "Remedy: Free some space.",
        "Cycle: 20260102T030405Z-ab12",
        "Notebook: output/runs/20260102T030405Z-ab12/04_load.ipynb, cell In [3]",
        "More: python -m etl explain 20260102T030405Z-ab12",
        "Incident: 7",
    ]


def test_the_page_of_the_notebook_is_named_where_the_api_has_an_address(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, api_url="https://etl.example.org/api/")
    page = "https://etl.example.org/api/cycles/20260102T030405Z-ab12/notebooks/load#failed"
    assert f"\nPage: {page}\n" in text_of(ROW, settings).body
    by_hand = {**ROW, "notebook": "notebooks/4_load.ipynb"}
    assert "Page:" not in text_of(by_hand, settings).body
    assert "Page:" not in text_of({**ROW, "notebook": None}, settings).body


def test_a_resolved_one_says_after_how_long_and_by_which_cycle(tmp_path: Path) -> None:
    text = text_of(OVER, Settings.load(home=tmp_path))
    assert text.subject == "[tanks] job_failed load: resolved"
    assert text.type == "success"
    assert text.body.startswith(
        "Resolved: 2026-01-02 04:04:06 UTC, after 1:00:01\nResolved by: cycle 20260102T040406Z-cd34\nFeed: tanks\n"
    )


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    unknown: dict[str, Any] = {**dict.fromkeys(("cycle_id", "job_name", "notebook")), "key": "", "remedy": ""}
    text = text_of({**ROW, **unknown, "kind": "silent_schedule"}, Settings.load(home=tmp_path))
    assert text.subject == "[tanks] silent_schedule: opened"
    names = [line.partition(":")[0] for line in text.body.splitlines()]
    assert names == ["Feed", "Kind", "Since", "Cause", "More", "Incident"]


@pytest.mark.parametrize(
    "cells",
    [
        None,
        "no list",
        [{"cell_type": "code"}],
        [{"outputs": [{}]}],
        [{"outputs": [{"output_type": "error"}], "execution_count": None}],
    ],
    ids=str,
)
def test_a_notebook_that_cannot_be_read_is_named_without_a_cell(tmp_path: Path, cells: Any) -> None:
    if cells is not None:
        write_notebook(tmp_path, cells)
    assert f"\nNotebook: {ROW['notebook']}\n" in text_of(ROW, Settings.load(home=tmp_path)).body


def test_a_name_with_line_breaks_cannot_add_lines_to_a_subject(tmp_path: Path) -> None:
    text = text_of({**ROW, "key": "tank 7\r\nBcc: all@example.org\x00"}, Settings.load(home=tmp_path))
    assert text.subject == "[tanks] job_failed tank 7 Bcc: all@example.org: opened"
    assert "\nBcc" not in text.body


def test_a_digest_has_a_line_for_each(tmp_path: Path) -> None:
    warning = {**ROW, "feed": "rooms", "kind": "stale", "key": "", "severity": "warning", "incident_id": 8}
    text = digest_of([{**warning, "cause": "x" * 300}, OVER])
    assert text.subject == "[2 feeds] 1 opened, 1 resolved"
    assert text.type == "warning"
    assert text.body.splitlines() == [
        f"opened: rooms, stale (incident 8): {'x' * 199}…",
        "resolved: tanks, job_failed load (incident 7): open for 1:00:01",
        "",
        "More: python -m etl alerts list --all",
    ]


def test_a_long_digest_ends_with_how_many_more_there_are() -> None:
    text = digest_of([{**ROW, "incident_id": number} for number in range(1_060)])
    assert text.subject == "[tanks] 1,060 opened"
    assert text.body.splitlines()[49:] == [
        "opened: tanks, job_failed load (incident 49): The disk is full.",
        "… and 1,010 more",
        "",
        "More: python -m etl alerts list --all",
    ]
