"""Named points at which a test can kill the process, to prove that the next run repairs everything.

`ETL_FAILPOINT=load.before_commit` kills the process (SIGKILL, without any clean-up) when it reaches that point. Without the
variable a point costs one comparison. `POINTS` has all names; an unknown one is an error, so that no test passes because of a
misspelt name.
"""

from __future__ import annotations

import os
import signal

POINTS = frozenset(
    {
        "consume.parts_written",
        "consume.before_commit",
        "landing.parts_written",
        "landing.settling",
        "publish.manifest_written",
        "publish.renamed",
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
        "alerts.delivered",
        "prune.compressing",
        "prune.compressed",
        "prune.copying",
        "prune.moved",
        "prune.deleting",
    }
)

_ARMED = os.environ.get("ETL_FAILPOINT")
if _ARMED and _ARMED not in POINTS:
    raise ValueError(f"ETL_FAILPOINT={_ARMED} is not a failpoint; these are: {', '.join(sorted(POINTS))}")


def reached(name: str) -> None:
    """Kill this process if `ETL_FAILPOINT` names this point."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
