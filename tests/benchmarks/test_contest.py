"""Contests: what counts, what does not, and what the report makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks import report
from benchmarks.contest import Contender, Contest, Outcome, hold, run_program, run_until


def quiet(_: str) -> None:
    pass


def contest(*contenders: Contender) -> Contest:
    return Contest("c", "A contest", "who counts to ten", contenders, rows=10, checksum="ten")


def runs(*outcomes: Outcome) -> Contender:
    left = list(outcomes)
    return Contender("one", lambda: left.pop(0), is_ours=True)


def test_the_first_round_does_not_count_and_the_median_is_reported_with_its_range() -> None:
    seconds = (100.0, 3.0, 1.0, 2.0)
    found = hold(contest(runs(*(Outcome(s, 10, "ten") for s in seconds))), 3, quiet)
    (one,) = found["contenders"]
    assert one["seconds"] == {"min": 1.0, "median": 2.0, "max": 3.0}
    assert one["rows_per_second"] == 5.0


@pytest.mark.parametrize("wrong", [Outcome(1.0, 9, "ten"), Outcome(1.0, 10, "eleven")])
def test_a_figure_counts_only_with_the_right_rows(wrong: Outcome) -> None:
    good = Outcome(1.0, 10, "ten")
    (one,) = hold(contest(runs(good, good, wrong)), 2, quiet)["contenders"]
    assert "seconds" not in one
    assert "came out" in one["failed"] or "checksum" in one["failed"]


def test_ours_has_to_count_the_bad_messages_and_the_others_may() -> None:
    def held(rejected: int | None, *, is_ours: bool) -> str:
        outcome = Outcome(1.0, 10, "ten", rejected=rejected)
        one = Contender("one", lambda: outcome, is_ours=is_ours)
        (figures,) = hold(replace(contest(one), bad=3), 1, quiet)["contenders"]
        return str(figures.get("failed", figures.get("rejected")))

    assert held(3, is_ours=True) == held(3, is_ours=False) == "3"
    assert held(2, is_ours=True) == "2 messages were rejected, 3 were bad."
    assert held(None, is_ours=True) == "None messages were rejected, 3 were bad."
    assert (held(2, is_ours=False), held(None, is_ours=False)) == ("2", "None")


def test_the_load_of_the_machine_is_looked_at_before_each_round() -> None:
    loads = hold(contest(runs(*[Outcome(1.0, 10, "ten")] * 3)), 2, quiet)["loads"]
    assert len(loads) == 3
    assert all(load["average"] >= 0 and 0 <= load["busy"] <= 1 for load in loads)


def test_the_order_is_another_in_each_round_and_the_same_again_for_the_same_seed() -> None:
    def order(seed: int) -> list[str]:
        seen: list[str] = []

        def contender(name: str) -> Contender:
            def run() -> Outcome:
                seen.append(name)
                return Outcome(1.0, 10)

            return Contender(name, run)

        hold(contest(*map(contender, "abcdef")), 3, quiet, seed)
        return seen

    first = order(1)
    rounds = [tuple(first[start : start + 6]) for start in range(0, 24, 6)]
    assert {frozenset(one) for one in rounds} == {frozenset("abcdef")}
    assert len(set(rounds)) > 1
    assert order(1) == first


def test_a_contender_whose_time_is_fixed_runs_once_and_that_counts() -> None:
    fixed = replace(runs(Outcome(120.0, 10, "ten")), name="fixed", runs_once=True)
    one, other = hold(contest(runs(*[Outcome(1.0, 10, "ten")] * 4), fixed), 3, quiet)["contenders"]
    assert (one["seconds"]["median"], other["seconds"]["median"]) == (1.0, 120.0)


def test_a_program_tells_its_figures_in_its_last_line_and_its_memory_is_watched() -> None:
    code = (
        "import json, time; held = bytearray(200 << 20); time.sleep(0.5); print('so');"
        " print(json.dumps({'seconds': 2.5, 'rows': 7, 'more': 1}))"
    )
    done = run_program([sys.executable, "-c", code], os.environ)
    assert (done.seconds, done.rows, done.details["more"]) == (2.5, 7, 1)
    assert done.peak_bytes > 200 << 20
    assert done.details["wall_seconds"] > 0.5
    assert run_program([sys.executable, "-c", "print('nothing')"], os.environ).seconds < 2.5


def test_memory_of_a_program_that_ends_at_once_is_its_own() -> None:
    ours = bytearray(200 << 20)
    short = run_program([sys.executable, "-I", "-S", "-c", "bytearray(b'x') * (60 << 20)"], {}).peak_bytes
    assert 60 << 20 < short < 120 << 20
    assert 0 < run_program([sys.executable, "-I", "-S", "-c", "pass"], {}).peak_bytes < 50 << 20
    assert len(ours) == 200 << 20


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no luck"):
        run_program([sys.executable, "-c", "raise SystemExit('no luck')"], os.environ)
    with pytest.raises(RuntimeError, match="ended with -9"):
        run_program([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], os.environ)


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    mark = str(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        run_program([sys.executable, "-c", "import time; time.sleep(60)", mark], os.environ, timeout=2)
    left = [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]
    assert not psutil.wait_procs(left, 5)[1]


def test_a_program_that_never_ends_runs_until_it_is_done_and_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        f"import os, pathlib, time; held = bytearray(200 << 20); time.sleep(0.5);"
        f" file = pathlib.Path({str(tmp_path / 'new')!r}); file.write_text(str(os.getpid())); file.rename({str(file)!r});"
        " time.sleep(60)"
    )
    done = run_until(file.exists, [sys.executable, "-c", code], os.environ)
    assert 0.5 < done.seconds < 60
    assert done.peak_bytes > 200 << 20
    assert not psutil.pid_exists(int(file.read_text()))


@pytest.mark.parametrize(
    ("code", "why"), [("raise SystemExit('no luck')", "no luck"), ("import time; time.sleep(60)", "runs")]
)
def test_a_program_that_never_gets_done_says_why(code: str, why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        run_until(lambda: False, [sys.executable, "-c", code], os.environ, timeout=1 if why == "runs" else 60)


def test_the_page_has_each_result_and_keeps_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Outcome:
        raise RuntimeError("it broke")

    found = hold(contest(runs(*[Outcome(2.0, 10, "ten")] * 2), Contender("other", fail, "noted")), 1, quiet)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "whole.json").write_text(json.dumps({**found, "load_before": [0.1]}), "utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"# Words\n{report.BEGIN}\nold\n{report.END}\nmore words\n", "utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "IMAGES", tmp_path)
    report.write(tmp_path / "results")
    text = page.read_text("utf-8")
    assert text.startswith("# Words\n")
    assert text.endswith("more words\n")
    assert "old" not in text
    assert "| **one** | 2.00 (2.00 to 2.00) | 5 |" in text
    assert "| other | did not finish | | | noted |" in text
    assert (tmp_path / "benchmark-whole.svg").stat().st_size > 1_000
