"""What `run` decides, without a terminal and without services."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl.contract.reader import PACKAGED
from etl.errors import ConfigurationError, ContractError, ParameterError
from etl.jobs.produce.default_messages import BY_DEFAULT, MESSAGES
from etl.operations.plan_run import RunPlan, RunRequest, plan_run, reads_few_messages
from etl.settings import Settings

TOPIC, LANDING = "sensor_readings", "room_temperatures"
OWN_KAFKA = {"kafka_bootstrap": "broker.example.org:9092"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home")


def own_kafka(settings: Settings) -> Settings:
    return Settings.load(home=settings.home, **OWN_KAFKA)


def planned(settings: Settings, *feeds: str, **request: Any) -> RunPlan:
    return plan_run(settings, RunRequest(feeds=feeds or (TOPIC,), **request))


def test_a_cycle_simulates_by_default(settings: Settings) -> None:
    plan = planned(settings)
    (feed,) = plan.feeds
    assert (feed.contract.feed, feed.messages, feed.is_default, feed.why_none) == (TOPIC, MESSAGES, True, "")
    assert plan.parameters == {"messages": BY_DEFAULT}
    assert plan.jobs == {"produce": {"messages": BY_DEFAULT}, "consume": {}, "merge": {}, "load": {}}
    assert (plan.schedule, plan.cycles) == (None, None)


def test_each_feed_is_planned_once_in_the_order_of_the_request(settings: Settings) -> None:
    plan = planned(settings, LANDING, TOPIC, LANDING)
    assert [contract.feed for contract in plan.contracts] == [LANDING, TOPIC]
    assert [feed.messages for feed in plan.feeds] == [MESSAGES, MESSAGES]


def test_nothing_is_simulated_into_your_own_kafka_unless_it_is_asked_for(settings: Settings) -> None:
    own = own_kafka(settings)
    topic, landing = planned(own, TOPIC, LANDING).feeds
    assert (topic.messages, topic.why_none) == (0, "Kafka is your own")
    assert (landing.messages, landing.why_none) == (MESSAGES, "")
    (asked,) = planned(own, messages=5).feeds
    assert (asked.messages, asked.is_default, asked.why_none) == (5, False, "")


@pytest.mark.parametrize(("parameters", "number"), [({"messages": 3}, 3), ({}, 7), ({"messages": 0}, 0)])
def test_the_option_for_messages_comes_before_the_parameter(
    settings: Settings, parameters: dict[str, Any], number: int
) -> None:
    assert planned(settings, parameters={"messages": 4}, messages=number).feeds[0].messages == number
    if parameters:
        assert planned(settings, parameters=parameters).feeds[0].messages == number


@pytest.mark.parametrize(
    ("request_of", "creates"),
    [
        ({}, False),
        ({"messages": 0}, False),
        ({"messages": 5}, True),
        ({"parameters": {"source_file": "/tmp/readings.csv"}}, True),
        ({"create_topic": True}, True),
    ],
)
def test_a_topic_is_created_in_the_embedded_kafka_when_readings_are_asked_for(
    settings: Settings, request_of: dict[str, Any], creates: bool
) -> None:
    assert planned(settings, **request_of).jobs["produce"].get("create_topic", False) is creates
    in_own = planned(own_kafka(settings), **request_of).jobs["produce"].get("create_topic", False)
    assert in_own is bool(request_of.get("create_topic"))


@pytest.mark.parametrize("name", ["source_file", "replay"])
def test_a_relative_file_is_relative_to_the_users_folder(settings: Settings, tmp_path: Path, name: str) -> None:
    """`replay` is the parameter's former name."""
    plan = planned(settings, parameters={name: "readings.csv"}, folder=tmp_path)
    assert plan.jobs["produce"]["source_file"] == str(tmp_path / "readings.csv")
    (feed,) = plan.feeds
    assert (feed.source_file, feed.messages) == (str(tmp_path / "readings.csv"), 0)
    home = planned(settings, parameters={name: "~/readings.csv"}, folder=tmp_path)
    assert home.feeds[0].source_file == str(Path.home() / "readings.csv")


def test_no_simulated_messages_and_a_file_are_no_contradiction(settings: Settings) -> None:
    (feed,) = planned(settings, messages=0, parameters={"source_file": "/data/a.jsonl"}).feeds
    assert (feed.source_file, feed.messages) == ("/data/a.jsonl", 0)


@pytest.mark.parametrize("former", ["", "other.csv"])
def test_the_former_name_of_the_file_does_not_replace_the_new_one(
    settings: Settings, tmp_path: Path, former: str
) -> None:
    plan = planned(settings, parameters={"source_file": "day.csv", "replay": former}, folder=tmp_path)
    assert plan.jobs["produce"]["source_file"] == str(tmp_path / "day.csv")
    assert "replay" not in plan.jobs["produce"]


def test_who_accepts_a_gap_is_known_to_consume(settings: Settings) -> None:
    assert planned(settings, accept_gap="maria").jobs["consume"] == {"accept_gap": "maria"}


def test_a_schedule_is_parsed(settings: Settings) -> None:
    plan = planned(settings, every="5m", cycles=3)
    assert plan.schedule is not None
    assert (plan.schedule.text, plan.cycles) == ("5m", 3)


def test_only_a_single_cycle_of_one_feed_is_refused_while_another_runs(settings: Settings) -> None:
    plan = planned(settings)
    assert plan.is_one_cycle
    assert not planned(settings, TOPIC, LANDING).is_one_cycle
    assert not planned(settings, every="5m").is_one_cycle


def test_few_messages_are_those_of_one_run_that_are_simulated_and_that_wait(settings: Settings) -> None:
    assert reads_few_messages(settings, planned(settings, LANDING))
    assert not reads_few_messages(settings, planned(settings, LANDING, messages=50_001))
    assert not reads_few_messages(settings, planned(settings, LANDING, every="5m"))
    assert not reads_few_messages(settings, planned(settings, LANDING, parameters={"source_file": "readings.csv"}))
    assert not reads_few_messages(settings, planned(settings)), "Kafka does not run: nobody knows how many wait"
    nobody = Settings.load(home=settings.home, kafka_bootstrap="127.0.0.1:9")
    assert not reads_few_messages(nobody, planned(nobody))


def test_kafka_is_needed_where_a_feed_has_a_topic(settings: Settings) -> None:
    assert planned(settings, LANDING, TOPIC).needs_kafka
    assert not planned(settings, LANDING).needs_kafka


@pytest.mark.parametrize(
    ("request_of", "error", "cause", "remedy"),
    [
        ({"cycles": 3}, ConfigurationError, "--cycles 3 is given without --every", "--every 5m"),
        ({"every": "soon"}, ConfigurationError, "--every 'soon' is neither", "30s, 5m"),
        ({"every": ""}, ConfigurationError, "--every '' is neither", "30s, 5m"),
        (
            {"every": "5m", "parameters": {"source_file": "a.jsonl"}},
            ConfigurationError,
            "a.jsonl again in each cycle",
            "Send the file once",
        ),
        (
            {"messages": 3, "parameters": {"source_file": "/data/a.jsonl"}},
            ConfigurationError,
            "Both 3 simulated messages and the file /data/a.jsonl are given",
            "Leave out",
        ),
        (
            {"parameters": {"messages": 3, "replay": "/data/a.jsonl"}},
            ConfigurationError,
            "Both 3 simulated messages and the file /data/a.jsonl are given",
            "Leave out",
        ),
        ({"every": "0s"}, ConfigurationError, "--every '0s': an interval lasts", "30s, 5m"),
        ({"feeds": ("rooms",)}, ContractError, "There is no feed 'rooms'", "Known feeds: device_events"),
        ({"parameters": {"mesages": 1}}, ParameterError, "No notebook has a parameter 'mesages'", "messages"),
        (
            {"parameters": {"messages": "many"}},
            ParameterError,
            "'messages' of 1_produce is 'many'",
            "-p messages=VALUE",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused_with_value_and_remedy(
    settings: Settings, request_of: dict[str, Any], error: type[ConfigurationError], cause: str, remedy: str
) -> None:
    with pytest.raises(error) as raised:
        plan_run(settings, replace(RunRequest(feeds=(TOPIC,)), **request_of))
    assert cause in raised.value.cause
    assert remedy in raised.value.remedy


def test_planning_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "feeds"
    folder.mkdir()
    shutil.copy(PACKAGED / f"{TOPIC}.odcs.yaml", folder)
    (feed,) = planned(Settings.load(home=settings.home, feeds=str(folder)), messages=5, every="5m").feeds
    assert feed.contract.file.parent == folder
    assert not settings.home.exists()
    assert [path.name for path in folder.iterdir()] == [f"{TOPIC}.odcs.yaml"]
