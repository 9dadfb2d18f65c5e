"""What is said of a trial."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from etl.cli.report.trial import next_commands, trial_lines, verdict
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.model import Contract
from etl.contract.sources.landing_folder import LandingFolder
from etl.operations.feeds.trial import Rejection, Trial

LINE = "contracts/meters.odcs.yaml line 34, logicalType: number"
WRONG = Rejection("wrong_type", "temperature", 17, ("n/a", "\x1b[1m"), "temperature is no number", LINE)
TRIAL = Trial(
    feed="sensor_readings",
    records=500,
    readings=500,
    loaded=480,
    duplicate=2,
    conflicting=1,
    on_conflict="quarantine",
    rejections=(WRONG,),
    late=3,
    sensors=7,
    first=datetime(2025, 6, 15, 9, tzinfo=UTC),
    last=datetime(2025, 6, 15, 10, tzinfo=UTC),
    windows={"sensor_data_5m": 84, "sensor_data_1d": 14},
    measures=("temperature", "humidity"),
    anomalies={"outlier": 2},
    unknown={"colour": 500},
)


def test_everything_that_follows_from_a_sample_is_told(contract: Contract) -> None:
    assert list(trial_lines(contract, TRIAL)) == [
        "500 records tried, with 500 readings: 480 would be loaded, 2 are duplicates, 1 conflicting, 17 rejected"
        " (96.4 % of them fit).",
        f"  17 wrong_type: temperature is no number ({LINE}): 'n/a', '\\x1b[1m'",
        "Time: 2025-06-15 09:00:00 to 2025-06-15 10:00:00 UTC.",
        "Sensors: 7, by sensor_id.",
        "Late: 3 readings would be, if a load ended just before (more than 600 s behind an earlier reading).",
        "Windows: 84 in sensor_data_5m, 14 in sensor_data_1d; of temperature, humidity.",
        "Anomalies: 2 outlier.",
        "Keys that the contract does not name (unknownKeys: freeze): colour.",
    ]
    assert verdict(TRIAL) == "The contract fits the sample."


def test_what_does_not_fit_leads_back_to_the_contract(contract: Contract) -> None:
    bad = replace(TRIAL, loaded=470, is_whole=False)
    assert next(trial_lines(contract, bad)).startswith("The first 500 records tried, ")
    assert "Less than 95 % of the readings" in verdict(bad)
    (first, again) = next_commands(contract, bad, [Path("my sample.csv")], home=Path())
    assert "python -m etl feeds check " in first
    assert again.strip() == "python -m etl feeds try sensor_readings --from 'my sample.csv'"


def test_of_many_names_a_few_are_shown(contract: Contract) -> None:
    many = replace(TRIAL, unknown={f"k{n}": 1 for n in range(20)}, unknown_left=100)
    assert list(trial_lines(contract, many))[-1].endswith(": k0, k1, k2, k3, k4, k5, k6, k7 and 112 more.")


def test_what_fits_leads_to_the_first_run(contract: Contract) -> None:
    _, run = next_commands(contract, TRIAL, [Path("s.jsonl")], home=Path())
    assert run.strip() == "python -m etl run sensor_readings --file s.jsonl"


def test_of_many_files_a_few_are_named(contract: Contract) -> None:
    _, *runs, more = next_commands(contract, TRIAL, [Path(f"{n}.jsonl") for n in range(8)], home=Path())
    assert len(runs) == 3
    assert more.strip() == "and the same for 5 more files"


def test_later_files_go_into_the_folder_that_is_read(contract: Contract, tmp_path: Path) -> None:
    landing = LandingFolder("landing/pumps/**/*.ndjson", JsonObjects())
    *_, later = next_commands(replace(contract, source=landing), TRIAL, [Path("s.ndjson")], home=tmp_path)
    assert later == (
        f"Later files: put them into {tmp_path}/landing/pumps, with names like **/*.ndjson,"
        " then python -m etl run sensor_readings"
    )


def test_a_share_is_never_rounded_up_to_the_limit(contract: Contract) -> None:
    trial = replace(TRIAL, readings=10_000, loaded=9_496, duplicate=0)
    assert not trial.fits
    assert "(94.9 % of them fit)" in next(trial_lines(contract, trial))


def test_files_that_cannot_be_read_and_empty_samples_do_not_fit(contract: Contract) -> None:
    unreadable = replace(TRIAL, unreadable={"a.csv": "its header lacks 'id'"})
    assert "  a.csv would be set aside: its header lacks 'id'" in list(trial_lines(contract, unreadable))
    assert "a file as a whole cannot be read" in verdict(unreadable)
    assert "no record" in verdict(replace(TRIAL, readings=0, loaded=0, duplicate=0))
