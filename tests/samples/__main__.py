"""Prints what becomes of each sample: `python -m tests.samples [NAME…]`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.samples.corpus import samples
from tests.samples.outcome import Outcome, outcome

_HEADER = ("sample", "readings", "loaded", "duplicates", "rejected", "TODO", "verdict", "what")


def main(names: list[str]) -> int:
    chosen = [sample for sample in samples() if not names or sample.name in names]
    outcomes = []
    for sample in chosen:
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(outcome(sample, Path(folder)))
    for line in table(outcomes):
        print(line)
    wrong = sum(found.verdict == "WRONG" for found in outcomes)
    print(f"{len(outcomes) - wrong} of {len(outcomes)} samples are right.")
    return 1 if wrong else 0


def table(outcomes: Iterable[Outcome]) -> list[str]:
    rows = [_HEADER, *(_row(found) for found in outcomes)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADER) - 1)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    ]


def _row(found: Outcome) -> tuple[str, ...]:
    rejected = ", ".join(f"{rows} {reason}" for reason, rows in found.rejected.most_common(3))
    loaded = f"{found.share:.0%}" if found.readings else ""
    what = found.wrong or found.questions or ([found.refused] if found.refused else [])
    return (
        found.sample.name,
        str(found.readings or ""),
        loaded,
        str(found.duplicates or ""),
        rejected,
        str(len(found.questions) or ""),
        found.verdict,
        "; ".join(what)[:300],
    )


sys.exit(main(sys.argv[1:]))
