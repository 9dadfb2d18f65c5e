"""What all tests share: a home of their own, and an environment without anybody's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl.contract import Contract, load_contract
from etl.settings import Settings
from tests.stack import project, stack

__all__ = ["project", "stack"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the real services, or starts some, is an integration test; those of Superset are a step of their own."""
    for item in items:
        folders = item.path.relative_to(Path(__file__).parent).parts
        if "superset" in folders:
            item.add_marker(pytest.mark.superset)
        elif "stack" in getattr(item, "fixturenames", ()) or "integration" in folders:
            item.add_marker(pytest.mark.integration)


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
