"""What `run` does, decided from what is asked for. Reads contracts, notebooks, folders and offsets; starts and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.contract.reader import Contract, load_contract
from etl.errors import ConfigurationError
from etl.jobs.consume import backlog
from etl.jobs.produce.default_messages import BY_DEFAULT, default_messages, require_one_origin
from etl.notebook.parameters import divide_parameters
from etl.operations.schedules.times import Schedule, parse
from etl.settings import Settings
from etl.storage.locks import feed_lock


@dataclass(frozen=True)
class RunRequest:
    """What a user or a program requests of `run`."""

    feeds: tuple[str, ...]
    messages: int | None = None
    """Readings to simulate for each feed; None leaves the number to `default_messages`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """For the notebooks, by name; each goes to every notebook that has it."""
    create_topic: bool = False
    accept_gap: str = ""
    """The person who accepts that Kafka deleted messages before they were read; empty if it is not accepted."""
    every: str | None = None
    """An interval or a cron expression; None: one cycle of each feed."""
    cycles: int | None = None
    """The number of cycles after which a schedule ends; None: when it is stopped."""
    folder: Path = Path()
    """Relative paths among the parameters start here."""
    log_file: Path | None = None
    """Where a schedule logs; None: where a command prints."""


@dataclass(frozen=True)
class FeedPlan:
    """What the cycle of one feed produces first: simulated readings, or those of a file."""

    contract: Contract
    messages: int
    """Readings that are simulated."""
    source_file: str = ""
    """A file whose readings are sent; then none are simulated."""
    is_default: bool = False
    """Whether the number is the default, not a request."""
    why_none: str = ""
    """Why the default is 0, in words that follow "because"; empty where it is another number, or none was needed."""


@dataclass(frozen=True)
class RunPlan:
    """What `run` does."""

    feeds: tuple[FeedPlan, ...]
    """In the order in which their cycles run, each feed once."""
    parameters: Mapping[str, Any]
    """For all notebooks together."""
    jobs: Mapping[str, Mapping[str, Any]]
    """Job → the parameters that its notebook has."""
    schedule: Schedule | None
    cycles: int | None
    log_file: Path | None = None

    @property
    def contracts(self) -> list[Contract]:
        return [feed.contract for feed in self.feeds]

    @property
    def needs_kafka(self) -> bool:
        return any(contract.source.needs_kafka for contract in self.contracts)

    @property
    def is_one_cycle(self) -> bool:
        return self.schedule is None and len(self.feeds) == 1


_FEW_MESSAGES = 50_000
"""Spark's JVM reads so many in about the time that its second compiler would need to make reading them faster."""


def require_idle(settings: Settings, plan: RunPlan) -> None:
    """Refuse a single cycle before services are started for it. The cycle locks the feed itself.

    :raises AlreadyRunning: another cycle of its feed is running.
    """
    if plan.is_one_cycle:
        with feed_lock(settings, plan.contracts[0].feed, "cycle", what="a cycle that is starting"):
            pass


def reads_few_messages(settings: Settings, plan: RunPlan) -> bool:
    """Whether it is certain that a plan reads only few messages: simulated ones, and those that wait. Asks Kafka."""
    if plan.schedule or any(feed.source_file for feed in plan.feeds):
        return False
    waiting = sum(feed.messages for feed in plan.feeds)
    for contract in plan.contracts:
        more = backlog.at_most(settings, contract) if waiting <= _FEW_MESSAGES else None
        if more is None:
            return False
        waiting += more
    return waiting <= _FEW_MESSAGES


def plan_run(settings: Settings, request: RunRequest) -> RunPlan:
    """Decide what a request means.

    :raises ConfigurationError: a feed does not exist, the schedule cannot be used or would send a file again and again, or both a
        file and a number of simulated readings are given.
    :raises ContractError: a contract cannot be used.
    :raises ParameterError: no notebook has a parameter of this name, or it is of another type.
    """
    if request.cycles is not None and request.every is None:
        raise ConfigurationError(
            f"--cycles {request.cycles} is given without --every.", remedy="Add an interval, e.g. --every 5m."
        )
    if request.log_file is not None and request.every is None:
        raise ConfigurationError(
            f"--log-file {request.log_file} is given without --every.",
            remedy="Add an interval, e.g. --every 5m; or redirect the output of one cycle into the file.",
        )
    schedule = parse(request.every) if request.every is not None else None
    contracts = [load_contract(feed, settings) for feed in dict.fromkeys(request.feeds)]
    parameters = _parameters(settings, request)
    if schedule and (source_file := parameters.get("source_file")):
        raise ConfigurationError(
            f"--every {request.every} would send {source_file} again in each cycle.",
            remedy="Send the file once with --file, then start the schedule without it.",
        )
    jobs = divide_parameters(settings, parameters)
    require_one_origin(parameters["messages"], parameters.get("source_file", ""))
    feeds = tuple(_feed_plan(settings, contract, parameters) for contract in contracts)
    return RunPlan(feeds, parameters, jobs, schedule, request.cycles, request.log_file)


def _parameters(settings: Settings, request: RunRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {"messages": BY_DEFAULT, **request.parameters}
    if request.messages is not None:
        parameters["messages"] = request.messages
    former_name = parameters.pop("replay", "")
    if former_name != "" and not parameters.get("source_file"):
        parameters["source_file"] = former_name
    source_file = parameters.get("source_file")
    if isinstance(source_file, str) and source_file:
        # Notebooks run in another folder.
        parameters["source_file"] = str((request.folder / Path(source_file).expanduser()).absolute())
    produces = parameters["messages"] not in (0, BY_DEFAULT) or bool(source_file)
    # In the embedded Kafka a missing topic is not a mistake: nothing else creates topics there.
    if request.create_topic or (settings.kafka_is_embedded and produces):
        parameters["create_topic"] = True
    if request.accept_gap:
        parameters["accept_gap"] = request.accept_gap
    return parameters


def _feed_plan(settings: Settings, contract: Contract, parameters: Mapping[str, Any]) -> FeedPlan:
    if source_file := parameters.get("source_file"):
        return FeedPlan(contract, 0, source_file)
    if parameters["messages"] != BY_DEFAULT:
        return FeedPlan(contract, parameters["messages"])
    default = default_messages(settings, contract)
    return FeedPlan(contract, default.messages, is_default=True, why_none=default.why_none)
