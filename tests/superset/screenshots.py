"""`python -m tests.superset.screenshots FOLDER` makes the pictures of the dashboards.

Some rounds of cycles of all feeds in a home of their own, one of them failed, then Chromium as a viewer. A quarter of an hour,
most of it cycles; `--rounds N` for fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from etl import services
from etl.contract.reader import load_contracts
from etl.jobs.produce.simulate import span
from etl.services import superset
from etl.services.superset import assets, keys
from etl.settings import PROJECT_ROOT, Settings
from tests.superset.browser import Dashboard, browsing, find_chromium, sign_in

ROUNDS = 10
FAILED = "room_temperatures"
# How many hours of readings the first round brings: as many as some ten thousand messages hold, a day at most.
HISTORY_HOURS = {
    "sensor_readings": 3.0,
    "raw_iot": 3.0,
    "device_events": 9.0,
    "room_temperatures": 23.0,
    "environment_telemetry": 9.0,
}


class Rounds:
    """Cycles whose readings go on where those of the round before ended."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self._env = env
        self._contracts = load_contracts(Settings.load(home=home))
        self._reached = {feed: datetime.now(UTC) - timedelta(hours=hours) for feed, hours in HISTORY_HOURS.items()}
        self._strict = self._write_strict(home.parent / "feeds")

    def run(self, number: int, failing: int) -> None:
        """A cycle of each feed; in the round `failing`, that of FAILED breaks its contract's failure budget."""
        feeds = [feed for feed in HISTORY_HOURS if feed != FAILED or number != failing]
        python(self._env, "tests.superset.cycles", *(f"{feed}={self._messages(feed)}" for feed in feeds))
        if number == failing:
            strict = self._env | {"ETL_FEEDS": str(self._strict)}
            python(strict, "etl", "run", FAILED, "--messages", str(self._messages(FAILED)), "-p", "bad_share=0.3")

    def _messages(self, feed: str) -> int:
        """As many as the feed's sensors send from where its readings ended until now."""
        now = datetime.now(UTC)
        per_message = span(self._contracts[feed], 100_000) / 100_000
        messages = max(int((now - self._reached[feed]) / per_message), 20)
        self._reached[feed] = now
        return messages

    def _write_strict(self, folder: Path) -> Path:
        document = yaml.safe_load(
            (PROJECT_ROOT / "etl" / "contract" / "feeds" / f"{FAILED}.odcs.yaml").read_text("utf-8")
        )
        document["customProperties"].append({"property": "failureBudget", "value": 0.1})
        folder.mkdir()
        (folder / f"{FAILED}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
        return folder


def python(env: dict[str, str], module: str, *arguments: str) -> None:
    """A module in a separate process; how its jobs end is seen on the dashboards."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {module} {' '.join(arguments)}\n")
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, env=env, cwd=PROJECT_ROOT, check=False, stdout=subprocess.DEVNULL)


def shoot(settings: Settings, folder: Path, widths: Sequence[int]) -> list[str]:
    """A picture per dashboard and width; returns what was wrong on them."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("There is no Chromium. Install one: apt-get install chromium.")
    service = superset.running(settings)
    if service is None:
        raise SystemExit("Superset does not run. Start it: make dashboards.")
    passwords = json.loads(keys.sign_in_file(settings.services / "superset").read_text("utf-8"))
    faults = []
    with browsing(chromium) as browser:
        context = sign_in(browser, service.endpoint, "viewer", passwords["viewer"])
        for width in widths:
            for found in assets.read(assets.FOLDER).documents("dashboards").values():
                charts = sum(isinstance(item, dict) and item["type"] == "CHART" for item in found["position"].values())
                url = f"{service.endpoint}/superset/dashboard/{found['slug']}/"
                page = Dashboard(context, url, charts, width=width)
                page.wait_until_drawn()
                page.screenshot(folder / f"dashboard-{found['slug']}-{width}.png")
                faults += [f"{found['slug']} {width}: {title}" for title in [*page.errors(), *page.empty()]]
                page.leave()
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--width", type=int, action="append", help="of the window; default: 1920")
    parser.add_argument("--home", type=Path, help="take the pictures of this home, as it is")
    given = parser.parse_args()
    widths = given.width or [1920]
    if given.home:
        return _told(shoot(Settings.load(home=given.home), given.folder, widths))
    with tempfile.TemporaryDirectory(prefix="etl-screenshots-") as place:
        home = Path(place) / "home"
        home.mkdir()
        jars, venv = (PROJECT_ROOT / ".services" / name for name in ("jars", "superset/venv"))
        outside = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
        env = {**outside, "ETL_JARS": str(jars), "ETL_SUPERSET_VENV": str(venv), "ETL_HOME": str(home)}
        settings = Settings.load(home=home)
        try:
            python(env, "etl", "up")
            python(env, "etl", "init")
            rounds = Rounds(home, env)
            for number in range(given.rounds):
                rounds.run(number, failing=given.rounds // 2)
            python(env, "etl", "dashboards")
            return _told(shoot(settings, given.folder, widths))
        finally:
            services.down(settings, lambda _: None, delete_data=True)


def _told(faults: list[str]) -> int:
    for fault in faults:
        sys.stderr.write(f"wrong or empty: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
