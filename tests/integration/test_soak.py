"""A short soak: the long one is `python -m benchmarks --full soak`."""

from __future__ import annotations

import re

import pytest

from benchmarks.alongside import account
from benchmarks.soak import soak
from tests.support.stack import Project

CYCLES = 6


@pytest.mark.timeout(900)
def test_scheduled_cycles_with_a_producer_alongside_are_exact_and_hold_on_to_nothing(project: Project) -> None:
    seen = soak(project.settings, project.contract, project.env, cycles=CYCLES, rate=500)
    assert seen.exit_code == 0, seen.output
    assert account(project.settings, project.contract).is_exact(seen.sent)
    project.require_exact(seen.sent)
    assert [sample["cycle"] for sample in seen.samples] == [*range(1, CYCLES + 1)]
    # All cycles but the last, which has its own `run`, were those of one kernel and one JVM.
    assert project.value("SELECT count(DISTINCT pid) FROM etl_log") == 2
    assert len(re.findall(r" \(\d+\.\d s; [\d,]+ MB \+ kernel [\d,]+ MB, \d+ files\)", seen.output)) == CYCLES
    # Times and memory of so few cycles, on a machine that warms up, say nothing; what is counted does.
    first, last = seen.samples[1], seen.samples[-1]
    between = last["cycle"] - first["cycle"]
    # Files are opened and closed all the time; a thread that is left over is one too many.
    for process in ("parent", "kernel"):
        assert last[process]["threads"] < first[process]["threads"] + between, process
        assert last[process]["handles"] <= first[process]["handles"] + 2 * between, process
