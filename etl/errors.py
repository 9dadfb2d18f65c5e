"""Everything that can go wrong, as one tree.

    EtlError
    ├── ConfigurationError      the user can fix it: a setting, an argument, a contract (exit code 2)
    │   ├── ContractError       a feed's contract file is wrong; names file, place and remedy
    │   ├── NotFound            nothing has the name or number that was asked for
    │   └── ParameterError      a notebook parameter is unknown or has the wrong type
    ├── TransientError          the same call may succeed later (exit code 1)
    │   ├── ServiceUnavailable  Kafka, the database or another service did not answer in time
    │   └── AlreadyRunning      another process works on the same feed or tables
    ├── Interrupted             the user stopped it (exit code 130)
    └── PermanentError          trying again changes nothing (exit code 1)
        ├── BalanceError        the rows of a job do not add up; nothing of it was committed
        ├── FailureBudgetExceeded   too large a share of an archive is bad; nothing of it was committed
        ├── IntegrityError      a file is not what its manifest says
        ├── UnreadableFile      a landing file as a whole cannot be read
        ├── TopicMissing        the topic does not exist, and nothing creates it by accident
        ├── RetentionGap        Kafka deleted messages before they were read
        ├── MissingRight        the user of Kafka or the database may not do what a job needs
        ├── StorageError        a disk is full, broken, not accessible, or not shared as it must be; names the folder
        ├── SetupError          something the machine needs is missing (Java, a jar, a free port)
        └── JobFailed           a notebook of a cycle failed; carries the job's own cause

Each has a cause and a remedy.
"""

from __future__ import annotations

from collections.abc import Sequence

_MESSAGE_LENGTH = 2000
_FIRST_LINE_LENGTH = 300


class EtlError(Exception):
    """An error with its cause and its remedy, both written for people.

    `str(error)` is the cause, followed by the remedy on its own line where there is one.
    Neither may contain row data or a secret: both are stored in `etl_log`.
    """

    exit_code = 1

    def __init__(self, cause: str, *, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n{self.remedy}" if self.remedy else self.cause


class ConfigurationError(EtlError):
    """A setting, an argument or a file of the user is wrong."""

    exit_code = 2


class ContractError(ConfigurationError):
    """A feed's contract cannot be used; the cause names file, line and place.

    `problems` holds all errors of the contract; the cause is that of the first.
    """

    def __init__(self, cause: str, *, remedy: str = "", problems: Sequence[ContractError] = ()) -> None:
        super().__init__(cause, remedy=remedy)
        self.problems: tuple[ContractError, ...] = tuple(problems) or (self,)


class NotFound(ConfigurationError):
    """Nothing has the name or number that was asked for."""


class ParameterError(ConfigurationError):
    """A notebook was given a parameter that it does not have, or one of another type."""


class TransientError(EtlError):
    """The same call may succeed later."""


class ServiceUnavailable(TransientError):
    """A service did not answer in time."""


class AlreadyRunning(TransientError):
    """Another process holds the feed's lock; the cause names it."""


class Interrupted(EtlError):
    """The user stopped what was running."""

    exit_code = 130


class PermanentError(EtlError):
    """The same call will fail again until something is fixed."""


class BalanceError(PermanentError):
    """The rows of a job do not add up."""


class FailureBudgetExceeded(PermanentError):
    """More rows of an archive are bad than its contract allows."""


class IntegrityError(PermanentError):
    """A file differs from what its manifest says."""


class UnreadableFile(PermanentError):
    """A landing file cannot be unpacked, or its header is not that of the contract.

    `seen` quotes the file, so it is not shown to everyone who may read the cause.
    """

    def __init__(self, cause: str, *, remedy: str = "", seen: str = "") -> None:
        super().__init__(cause, remedy=remedy)
        self.seen = seen


class TopicMissing(PermanentError):
    """A Kafka topic does not exist."""


class RetentionGap(PermanentError):
    """Kafka no longer holds the messages that would be read next."""


class MissingRight(PermanentError):
    """The user of Kafka or of the database lacks a right; no file is the cause."""


class StorageError(PermanentError):
    """A disk is full, read-only, broken, not accessible to the user who runs the job, or not shared as it must be."""


class SetupError(PermanentError):
    """The machine lacks something that cannot be set up without the user."""


class JobFailed(PermanentError):
    """A notebook failed. The cause is the job's own; `notebook` is the executed copy."""

    def __init__(self, cause: str, *, remedy: str = "", notebook: str = "") -> None:
        super().__init__(cause, remedy=remedy)
        self.notebook = notebook


def describe_error(error: BaseException) -> str:
    """The text that is stored of an error, at most 2,000 characters: our own errors in full; of other errors only type and
    first line, because the rest may contain row data.
    """
    if isinstance(error, EtlError):
        return str(error)[:_MESSAGE_LENGTH]
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted by the user."
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first[:_FIRST_LINE_LENGTH]}"
