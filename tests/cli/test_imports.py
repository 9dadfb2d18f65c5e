"""Commands import no more than they need: `--help` answers at once, and so do commands that only read.

What is imported is the measure, not the time it takes.
"""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from etl.settings import PROJECT_ROOT

HEAVY = {
    *(
        "IPython",
        "alembic",
        "apprise",
        "apscheduler",
        "jupyter_client",
        "kafka",
        "matplotlib",
        "nbclient",
        "numpy",
        "pandas",
        "papermill",
    ),
    *("fastapi", "psutil", "psycopg", "pyarrow", "pydantic_settings", "pyodbc", "pyspark", "sqlalchemy", "uvicorn"),
}
IMPORTS = f"""
import sys
from etl.cli.app import main
sys.argv = ["etl", *sys.argv[1:]]
try:
    main()
finally:
    print("imported:", *sorted(set(sys.modules) & set({sorted(HEAVY)!r})), file=sys.stderr)
"""
"""A program that runs a command and reports, as the last line of its errors, which heavy packages it imported."""


def imported(*arguments: str, completing: str = "") -> set[str]:
    """The heavy packages that a command imports."""
    environment = {"PYTHONPATH": str(PROJECT_ROOT), "PATH": "/usr/bin:/bin"}
    if completing:
        environment |= {"_ETL_COMPLETE": "complete_bash", "COMP_WORDS": completing, "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("imported:"), done.stderr
    if completing:
        assert "history" in done.stdout
    return set(last.split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["version"],
        ["run", "--help"],
        ["history", "--help"],
        ["alerts", "--help"],
        ["api", "--help"],
        ["api", "token", "--help"],
        ["feeds", "--help"],
        ["quarantine", "list", "--help"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_help_and_version_import_no_service_and_no_library_of_data(arguments: list[str]) -> None:
    assert imported(*arguments) == set()


def test_nor_does_the_completion_of_a_shell() -> None:
    assert imported(completing="etl h") == set()


def test_a_list_of_feeds_needs_no_service() -> None:
    assert imported("feeds", "list") == {"pydantic_settings"}


def test_the_default_that_the_help_names_is_the_one_that_holds() -> None:
    """The help does not import it."""
    from etl.cli import run
    from etl.jobs.produce.default_messages import MESSAGES

    assert f"Default: {MESSAGES} for packaged feeds" in inspect.getsource(run)


def test_the_packages_that_are_looked_for_exist() -> None:
    """A package whose name has changed would never be found imported."""
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import importlib.util as u; print(*[n for n in {sorted(HEAVY)!r} if not u.find_spec(n)])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""
