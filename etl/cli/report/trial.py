"""What a contract would do with a sample, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from etl.cli.report.endings import counted, safe
from etl.contract.model import Contract
from etl.contract.shell_words import shell_word
from etl.contract.sources.landing_folder import LandingFolder
from etl.operations.feeds.broken_rules import shown_path
from etl.operations.feeds.trial import GOOD_SHARE, Rejection, Trial

_REJECTIONS_SHOWN = 10
_NAMES_SHOWN = 8
_FILES_SHOWN = 3


def trial_lines(contract: Contract, trial: Trial) -> Iterator[str]:
    """The result of a trial, a line for each thing that follows from the sample."""
    first = "" if trial.is_whole else "The first "
    yield (
        f"{first}{counted(trial.records, 'record')} tried, with {counted(trial.readings, 'reading')}: {trial.loaded:,} would be"
        f" loaded, {trial.duplicate:,} are duplicates, {trial.conflicting:,} conflicting, {trial.rejected:,} rejected"
        f" ({_percent(trial.good_share)} of them fit)."
    )
    yield from (safe(f"  {name} would be set aside: {why}") for name, why in trial.unreadable.items())
    shown = trial.rejections[:_REJECTIONS_SHOWN]
    yield from (safe(f"  {_rejection(rejection)}") for rejection in shown)
    if rest := trial.rejections[_REJECTIONS_SHOWN:]:
        yield f"  {sum(rejection.rows for rejection in rest):,} rejected for {len(rest):,} other reasons"
    if trial.first and trial.last:
        yield f"Time: {trial.first:%Y-%m-%d %H:%M:%S} to {trial.last:%Y-%m-%d %H:%M:%S} UTC."
        yield f"Sensors: {trial.sensors:,}, by {', '.join(contract.sensor)}."
    if trial.late:
        yield (
            f"Late: {counted(trial.late, 'reading')} would be, if a load ended just before"
            f" (more than {contract.lateness_seconds:g} s behind an earlier reading)."
        )
    if trial.loaded:
        yield from _derived(trial)
    if trial.unknown:
        names = _names(trial.unknown, trial.unknown_left)
        yield safe(f"Keys that the contract does not name (unknownKeys: {contract.unknown_keys}): {names}.")


def verdict(trial: Trial) -> str:
    """Whether the contract fits, in one sentence."""
    if trial.unreadable:
        return "The contract does not fit: a file as a whole cannot be read. Edit `servers` in the contract, or correct the file."
    if not trial.readings:
        return "The sample has no record, so nothing is known about the contract."
    if trial.fits:
        return "The contract fits the sample."
    return f"Less than {100 * GOOD_SHARE:.0f} % of the readings would be loaded. Edit the lines of the contract that are named."


def next_commands(
    contract: Contract, trial: Trial, files: Sequence[Path], topic: str = "", *, home: Path
) -> Iterator[str]:
    """What to enter next: after a correction the same trial, otherwise the check and the first run.

    :param topic: whose messages were tried, where there are no files.
    :param home: the folder that landing folders are below (`ETL_HOME`), which need not be the current one.
    """
    check = f"python -m etl feeds check {shell_word(shown_path(contract.file))}"
    if not trial.fits:
        sample = (
            f"--from-topic {shell_word(topic)}"
            if topic
            else " ".join(f"--from {shell_word(str(file))}" for file in files)
        )
        yield f"Next, when it is edited: {check}"
        yield f"                         python -m etl feeds try {contract.feed} {sample}"
        return
    yield f"Next: {check}"
    for file in files[:_FILES_SHOWN]:
        yield f"      python -m etl run {contract.feed} --file {shell_word(str(file))}"
    if (more := len(files) - _FILES_SHOWN) > 0:
        yield f"      and the same for {counted(more, 'more file')}"
    if not files:
        yield f"      python -m etl run {contract.feed}"
    if isinstance(contract.source, LandingFolder):
        folder = safe(shown_path(home / contract.source.folder))
        pattern = f", with names like {safe(contract.source.pattern)}" if contract.source.pattern else ""
        yield f"Later files: put them into {folder}{pattern}, then python -m etl run {contract.feed}"


def _rejection(rejection: Rejection) -> str:
    place = f" ({rejection.line})" if rejection.line else ""
    values = f": {', '.join(map(repr, rejection.examples))}" if rejection.examples else ""
    return f"{rejection.rows:,} {rejection.reason}: {rejection.words}{place}{values}"


def _derived(trial: Trial) -> Iterator[str]:
    if trial.windows:
        counts = ", ".join(f"{rows:,} in {table}" for table, rows in trial.windows.items())
        yield f"Windows: {counts}; of {_names(trial.measures)}."
    else:
        yield "Windows: none, because the contract has no measures for them."
    if trial.anomalies is None:
        yield "Anomalies: not looked for; `anomalies` in the contract does that."
    elif trial.anomalies:
        yield f"Anomalies: {', '.join(f'{number:,} {kind}' for kind, number in trial.anomalies.items())}."
    else:
        yield "Anomalies: none."


def _names(names: Collection[str], left: int = 0) -> str:
    """The first names, and how many more there are; `left` further names are not listed."""
    shown = list(names)[:_NAMES_SHOWN]
    more = len(names) - len(shown) + left
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _percent(share: float) -> str:
    # 94.96 % are not 95 %.
    return f"{int(share * 1000) / 10:.1f} %"
