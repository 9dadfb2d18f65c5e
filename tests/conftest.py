"""What all tests share: their own home, and an environment without settings from outside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from etl.contract.reader import Contract, load_contract
from etl.settings import Settings
from tests.support.servers import SQLSERVER_URL, sqlserver_url
from tests.support.stack import product, project, stack

__all__ = ["product", "project", "stack"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What has a database runs on both products, where there is a SQL Server."""
    if _is_of_both(metafunc.fixturenames, metafunc.definition) and sqlserver_url():
        # A Superset is one for the whole run; other databases are of one test each.
        name, scope = ("site", "session") if "site" in metafunc.fixturenames else ("product", None)
        metafunc.parametrize(name, ["postgresql", "sqlserver"], indirect=True, scope=scope)  # type: ignore[arg-type]


def _is_of_both(fixtures: Iterable[str], item: pytest.Item) -> bool:
    return bool({"product", "site"} & set(fixtures)) and item.get_closest_marker("postgresql") is None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the real services, or starts some, is an integration test; those of Superset are a step of their own.

    The long files of tests/integration come first, so that no worker ends alone with one of them.
    """
    items.sort(key=lambda item: _folder(item) != "integration")
    for item in items:
        folder = _folder(item)
        if folder == "superset":
            item.add_marker(pytest.mark.superset)
        elif "stack" in getattr(item, "fixturenames", ()) or folder == "integration":
            item.add_marker(pytest.mark.integration)
        if _is_of_both(getattr(item, "fixturenames", ()), item):
            item.add_marker(pytest.mark.both_products)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly where half of the database tests could not run."""
    ran = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    half = [report for report in ran if report.when == "call" and "both_products" in report.keywords]
    if half and not sqlserver_url():
        terminalreporter.section("SQL Server was not tested", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(half)} database tests ran on PostgreSQL alone. With {SQLSERVER_URL} set they run on both:"
            " docs/sqlserver.md says how to start a server."
        )


def pytest_configure() -> None:
    """Processes that tests start live for seconds: what they do should not be compiling."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    # ETL_TEST_* say how much a test run does, and are no settings.
    for name in [name for name in os.environ if name.startswith("ETL_") and not name.startswith("ETL_TEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home")


@pytest.fixture
def contract(settings: Settings) -> Contract:
    return load_contract("sensor_readings", settings)
