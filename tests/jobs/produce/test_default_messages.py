"""What is simulated where nobody asked: nothing that could get among what is the user's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from etl.contract.reader import PACKAGED, load_contract
from etl.jobs.produce.default_messages import BY_DEFAULT, default_messages
from etl.notebook.execute import NOTEBOOK_FOLDER
from etl.settings import Settings

OWN = {"database_url": "postgresql://loader:x@db.example.org/iot", "kafka_bootstrap": "broker.example.org:9092"}
LANDING, TOPIC = "room_temperatures", "sensor_readings"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "landing" / LANDING).mkdir(parents=True)
    return tmp_path / "home"


def why_none(home: Path, feed: str, **own: object) -> str:
    settings = Settings.load(home=home, **own)
    default = default_messages(settings, load_contract(feed, settings))
    assert default.messages == (0 if default.why_none else 10_000)
    return default.why_none


@pytest.mark.parametrize(
    ("feed", "own", "why"),
    [
        (TOPIC, (), ""),
        (LANDING, (), ""),
        (TOPIC, ("kafka_bootstrap",), "Kafka is your own"),
        (LANDING, ("kafka_bootstrap",), ""),
        (TOPIC, ("database_url",), "the database is your own"),
        (LANDING, ("database_url",), "the database is your own"),
    ],
)
def test_each_feed_asks_for_what_it_writes_to(home: Path, feed: str, own: tuple[str, ...], why: str) -> None:
    assert why_none(home, feed, **{name: OWN[name] for name in own}) == why


@pytest.mark.parametrize("feed", [TOPIC, LANDING])
def test_a_contract_of_your_own_stands_for_readings_of_your_own(home: Path, tmp_path: Path, feed: str) -> None:
    shutil.copy(PACKAGED / f"{feed}.odcs.yaml", tmp_path)
    assert why_none(home, feed, feeds=(tmp_path,)) == "its contract is your own"


@pytest.mark.parametrize(
    "file",
    [
        "landing/room_temperatures/monday.csv",
        "landing/room_temperatures/.monday.csv.part",
        "landing/room_temperatures/2026/monday.csv",
        "backup/room_temperatures/landing/monday.csv",
        "backup/room_temperatures/quarantine/monday.csv",
        "landing/room_temperatures/bad\nname.csv",
    ],
)
def test_nothing_is_put_beside_files_of_somebody_else(home: Path, file: str) -> None:
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).touch()
    told = why_none(home, LANDING)
    assert told.endswith("is a file of yours")
    assert "\n" not in told


def test_what_was_simulated_before_and_markers_are_no_files_of_somebody_else(home: Path) -> None:
    name = "room_temperatures_20261126T094515123456Z_20261126T094515Z-ab12.csv"
    moved = home / "backup" / LANDING / "landing"
    moved.mkdir(parents=True)
    for file in (home / "landing" / LANDING / name, moved / name, moved / f"0123456789ab-{name}", moved / f"{name}.gz"):
        file.touch()
    (home / "landing" / LANDING / ".gitkeep").touch()
    assert why_none(home, LANDING) == ""


def test_a_folder_outside_of_the_home_is_somebody_elses_also_through_a_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (home / "landing" / LANDING).rmdir()
    (home / "landing" / LANDING).symlink_to(tmp_path / "share")
    assert "is outside ETL_HOME" in why_none(home, LANDING)


def test_the_notebook_asks_the_same_question() -> None:
    cells = json.loads((NOTEBOOK_FOLDER / "1_produce.ipynb").read_text("utf-8"))["cells"]
    assert f"messages: int = {BY_DEFAULT}  #" in "".join(line for cell in cells for line in cell["source"])
