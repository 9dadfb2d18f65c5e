"""`python -m benchmarks.measured FILE run …`: the command line of a schedule, which adds a sample to FILE after each cycle.

From outside a sample may be late: a cycle that is due begins at once, and its first job would be measured with it.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from etl.notebook.kernel import Usage, usage
from etl.operations.schedules.state import ScheduleState, Watch


def main() -> None:
    file = Path(sys.argv.pop(1))
    ended = Watch.cycle_ended

    def cycle_ended(self: Watch, seconds: float, *, failed: bool) -> None:
        ended(self, seconds, failed=failed)
        with file.open("a", encoding="utf-8") as samples:
            samples.write(f"{json.dumps(_sample(self.state))}\n")

    Watch.cycle_ended = cycle_ended  # type: ignore[method-assign]
    from etl.cli.app import main as command_line

    command_line()


def _sample(state: ScheduleState) -> dict[str, Any]:
    """What this process, the kernel and the JVM hold now."""
    own = psutil.Process()
    held = {"parent": usage(own), "kernel": Usage(), "jvm": Usage()}
    for child in own.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            held["jvm" if "java" in child.name() else "kernel"] += usage(child)
    return {"cycle": state.cycles, "seconds": state.last_seconds, **{name: vars(use) for name, use in held.items()}}


if __name__ == "__main__":
    main()
