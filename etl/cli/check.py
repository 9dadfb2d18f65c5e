"""The command `check`: is anything wrong? Its exit code is the answer.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from etl.cli.console import AsJson, console, print_json
from etl.errors import EtlError, PermanentError, describe_error

_WRONG, _CANNOT_TELL = 1, 2


def check(
    feeds: Annotated[list[str] | None, typer.Argument(help="Feeds; default: all.", show_default=False)] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this kind of incident (docs/alerts.md); may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out whether anything is wrong; needs only the database. Exit code 0: all is well, 1: incidents, 2: cannot tell."""
    from etl.operations.check import check as find_wrong
    from etl.settings import Settings

    try:
        wrong = find_wrong(Settings.load(), feeds or (), kinds or ())
    except EtlError as error:
        error.exit_code = _CANNOT_TELL
        raise
    except Exception as error:
        # Python itself would end with 1, which means that something was found.
        unexpected = PermanentError(describe_error(error), remedy="`python -m etl doctor` may show the cause.")
        unexpected.exit_code = _CANNOT_TELL
        raise unexpected from error
    if as_json:
        print_json({"healthy": not wrong, "incidents": wrong})
    else:
        _print(wrong)
    raise typer.Exit(_WRONG if wrong else 0)


def _print(wrong: list[dict[str, Any]]) -> None:
    """A paragraph for each incident."""
    for row in wrong:
        console.print(_title(row), style="bold", markup=False, soft_wrap=True)
        for name in ("cause", "remedy", "notebook"):
            if row[name]:
                console.print(f"  {name.capitalize()}: {row[name]}", markup=False, soft_wrap=True)
    if not wrong:
        console.print("No incident is open, and no schedule is silent.")


def _title(row: Mapping[str, Any]) -> str:
    from etl.contract.durations import moment

    about = f" ({row['key']})" if row["key"] else ""
    since = f", since {moment(row['opened_at'])}" if row["opened_at"] else ""
    return f"{row['feed']}: {row['kind']}{about}, {row['severity']}{since}"
