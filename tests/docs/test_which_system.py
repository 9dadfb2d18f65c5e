"""docs/which-system.md: what it says is here, is here."""

from __future__ import annotations

import re

from etl.contract.reader import PACKAGED
from etl.settings import PROJECT_ROOT, Settings

PAGE = (PROJECT_ROOT / "docs" / "which-system.md").read_text("utf-8")
DDL = (PROJECT_ROOT / "sql" / "ddl" / "postgresql.sql").read_text("utf-8")
CODE = [name for text in re.findall(r"`([^`]+)`", PAGE) for name in re.findall(r"[\w.-]+", text)]


def test_every_packaged_feed_has_its_section() -> None:
    table = PAGE[PAGE.index("| you have |") : PAGE.index("All five")]
    feeds = {path.name.removesuffix(".odcs.yaml") for path in PACKAGED.glob("*.odcs.yaml")}
    assert set(re.findall(r"feed `(\w+)`", table)) == feeds


def test_tables_and_views_are_made() -> None:
    named = {name for name in CODE if re.fullmatch(r"v_\w+|etl_(?!log\.)\w+|\w+_(?:5m|1d)", name)}
    made = set(re.findall(r"^CREATE (?:TABLE|VIEW) (\w+)", DDL, re.MULTILINE))
    views = {path.stem for path in (PROJECT_ROOT / "sql" / "views" / "postgresql").iterdir()}
    assert len(named) > 10
    assert {name for name in named if not name.startswith("_")} <= made | views


def test_columns_settings_and_notebooks_are_there() -> None:
    for column in ("start_time", "end_time", "job_name", "status", "records_processed", "error_message"):
        assert f"{column} " in DDL, f"the page says that etl_log has what a log table has: {column}"
    for name in ("lateness_seconds", "source_name", "cycle_id", "loaded_at"):
        assert name in CODE
        assert name in DDL
    settings = {f"ETL_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in CODE if re.fullmatch(r"ETL_[A-Z_]+", name)} <= settings
    notebooks = {path.stem for path in (PROJECT_ROOT / "notebooks").glob("*.ipynb")}
    assert {name for name in CODE if re.fullmatch(r"\d_\w+|explore_readings", name)} <= notebooks


def test_what_packaged_contracts_are_said_to_do_is_in_them() -> None:
    with_anomalies = {path.name for path in PACKAGED.glob("*.odcs.yaml") if "property: anomalies" in path.read_text()}
    assert len(with_anomalies) == 4, "as in the other four"
    for feed, text in {
        "device_events": "value: data.devices\n",
        "room_temperatures": "value: evolve\n",
        "environment_telemetry": "formats: [epoch_seconds, iso8601]",
        "raw_iot": "property: fleet",
    }.items():
        assert text in (PACKAGED / f"{feed}.odcs.yaml").read_text("utf-8"), feed
