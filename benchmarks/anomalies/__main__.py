"""`python -m benchmarks.anomalies` chooses thresholds, measures, prints the tables and writes them into docs/anomalies.md.

Some minutes. `results.json` beside this file holds the figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.anomalies import report, run
from etl.settings import PROJECT_ROOT

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = PROJECT_ROOT / "docs" / "anomalies.md"


def main() -> None:
    contenders = run.all_contenders()
    tuning = run.measure(run.TUNING_SEEDS, [(contender, contender.thresholds) for contender in contenders])
    thresholds = dict(run.choose(tuning))
    measured = run.measure(run.REPORT_SEEDS, [(contender, (thresholds[contender.name],)) for contender in contenders])
    figures = report.summary(
        {name: (at, measured[name, at]) for name, at in thresholds.items()},
        {name: tuning[name, at].gain() for name, at in thresholds.items()},
    )
    RESULTS.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    tables = report.markdown(figures)
    DOCUMENT.write_text(report.inserted(DOCUMENT.read_text("utf-8"), tables), "utf-8")
    sys.stdout.write(tables)


if __name__ == "__main__":
    main()
