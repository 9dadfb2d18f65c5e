"""The names of jobs, and the states of their rows in `etl_log`."""

from __future__ import annotations

from enum import StrEnum


class Job(StrEnum):
    """The jobs of a cycle, in their order."""

    PRODUCE = "produce"
    CONSUME = "consume"
    MERGE = "merge"
    LOAD = "load"


NOTEBOOKS = {job: f"{number}_{job}" for number, job in enumerate(Job, 1)}
"""The name of each job's notebook, in the order of a cycle."""


class Status(StrEnum):
    """What became of a job: it is RUNNING until it ends once, as SUCCESS or as FAILED."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
