"""Named places at which a test can have the process killed, to prove that the next run puts everything right.

`ETL_FAILPOINT=load.before_commit` kills the process (SIGKILL, no clean-up of any kind) when it comes to that place. Without
the variable a place costs one comparison. The names stand in `POINTS`; an unknown one is an error, so that no test passes
because of a misspelt name.
"""

from __future__ import annotations

import os
import signal

POINTS = frozenset(
    {
        "consume.parts_written",
        "consume.renamed",
        "consume.before_commit",
        "landing.parts_written",
        "landing.renamed",
        "landing.settling",
        "merge.planned",
        "merge.joining",
        "merge.archive_renamed",
        "merge.archived",
        "merge.removing",
        "load.tables_made",
        "load.copying",
        "load.before_commit",
        "load.committed",
        "recover.closing_dead",
        "prune.compressing",
        "prune.compressed",
        "prune.copying",
        "prune.moved",
        "prune.deleting",
    }
)

_ARMED = os.environ.get("ETL_FAILPOINT")
if _ARMED and _ARMED not in POINTS:
    raise ValueError(f"ETL_FAILPOINT={_ARMED} is no failpoint; there are {', '.join(sorted(POINTS))}")


def reached(name: str) -> None:
    """Die here if a test says so."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
