"""The findings of `doctor` as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from etl.cli.commands import runnable
from etl.cli.report.tables import new_table
from etl.operations.doctor import Finding


def findings_table(findings: Iterable[Finding]) -> Table:
    """A line per check; under a failed one what to do about it."""
    table = new_table("", "check", "found", whole=("", "check"))
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("!!", style="bold red")
        text = Text(runnable(finding.found))
        if not finding.ok and finding.remedy:
            text.append(f"\n{runnable(finding.remedy)}", style="bold")
        table.add_row(mark, Text(finding.check), text)
    return table
