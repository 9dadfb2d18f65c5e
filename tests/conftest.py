"""What all tests share: their own home, and an environment without settings from outside."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
from xdist.scheduler import LoadFileScheduling

from etl.contract.reader import Contract, load_contract
from etl.notebook.light_imports import light_imports
from etl.settings import Settings
from tests.support.servers import SQLSERVER_URL, sqlserver_url
from tests.support.stack import product, project, stack

__all__ = ["product", "project", "stack"]

# Every worker would generate jsonschema's parser of addresses, which takes seconds, and no test has an address to parse.
with light_imports():
    importlib.import_module("jsonschema")

TO_TELL = "to tell"
"""The property with which a test that passed tells something: `record_property(TO_TELL, ...)` in the end of a fixture."""

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What has a database runs on both products, where there is a SQL Server."""
    if _is_of_both(metafunc.fixturenames, metafunc.definition) and sqlserver_url():
        # One Superset serves all of its tests; other databases are made for one test each.
        name, scope = ("site", "package") if "site" in metafunc.fixturenames else ("product", None)
        metafunc.parametrize(name, ["postgresql", "sqlserver"], indirect=True, scope=scope)  # type: ignore[arg-type]


def _is_of_both(fixtures: Iterable[str], item: pytest.Item) -> bool:
    return bool({"product", "site"} & set(fixtures)) and item.get_closest_marker("postgresql") is None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a real Superset, and those that use or start other real services.

    What takes longest begins first, so that no worker ends alone with it: Superset, then tests/integration.
    """
    items.sort(key=lambda item: {"superset": 0, "integration": 1}.get(_folder(item), 2))
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than processors, because tests wait for services half of the time; four at most, and 2.5 GiB for each."""
    fitting = psutil.virtual_memory().available / (2.5 * 2**30)
    return max(1, min((os.cpu_count() or 1) + 1, 4, int(fitting)))


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Each file is the work of one worker; so are all files of Superset together, because they share one server."""

    def _split_scope(self, nodeid: str) -> str:
        shared = "tests/superset/"
        return shared if nodeid.startswith(shared) else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling | None:
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly where half of the database tests could not run, and what tests have to tell although they passed."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in (
                getattr(report, "user_properties", ()) if getattr(report, "when", "") == "teardown" else ()
            ):
                if name == TO_TELL:
                    terminalreporter.line(f"{report.nodeid}: {value}")
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
    # Printed commands name the Python that runs: here it is the first of its name.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
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
