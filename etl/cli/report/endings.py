"""The end of a cycle in words: what was rejected, set aside or ignored, why, and where to look."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.text import Text

from etl.operations.cycle import Cycle
from etl.operations.feeds.broken_rules import shown_path
from etl.operations.outcome import Outcome, holds
from etl.settings.packaged import CLONE, notebook_file
from etl.storage.files import shown_name
from etl.validation.reasons import Reason

_SHOWN = 3
_LOOK = "Look at them: python -m etl quarantine list"
_KINDS = {
    "hidden": ("hidden", "hidden"),
    "in_subfolders": ("in a subfolder", "in subfolders"),
    "other_ending": ("with another ending", "with other endings"),
    "other_name": ("that the contract's path does not match", "that the contract's path does not match"),
    "no_file": ("that is no regular file", "that are no regular files"),
}
"""Kinds of ignored files for one, and for several."""


def result(cycle: Cycle) -> Text:
    """A cycle in a few words, for a table: "done" only where something was loaded, and everything else was before."""
    if cycle.error:
        return Text(f"failed: {safe(cycle.error.cause)}", style="red")
    if cycle.left:
        return Text(f"stopped before {', '.join(cycle.left)}", style="yellow")
    lost = "; ".join(_losses(cycle.outcome))
    if cycle.outcome.is_all_lost:
        return Text(f"nothing loaded: {lost}", style="bold red")
    if not lost and cycle.outcome.rows_in_table is not None:
        return Text(f"nothing new; {cycle.outcome.table} {holds(cycle.outcome.rows_in_table)}", style="yellow")
    return Text(f"done, but {lost}", style="yellow") if lost else Text("done", style="green")


def lines(cycle: Cycle) -> list[Text]:
    """What follows a cycle's balance; empty where something was loaded, the rest was before, and nothing was ignored."""
    texts = [*_lost(cycle, with_values=True), *map(Text, filter(None, [_ignored(cycle.outcome)]))]
    if nothing := _nothing(cycle):
        texts.insert(0, Text(nothing, style="bold red" if cycle.outcome.is_all_lost else "yellow"))
    return texts


def look_closer(cycle: Cycle, home: Path) -> str:
    """The commands that show more of what a cycle loaded; empty where it loaded nothing."""
    if cycle.error or not cycle.outcome.loaded:
        return ""
    notebook = notebook_file(home, "explore_readings")
    # JupyterLab opens the notebooks of a project or clone, not those inside the package.
    lab = "" if CLONE is None and not notebook.is_relative_to(home) else "; or interactively: python -m etl lab"
    path = shlex.quote(shown_path(notebook))
    return (
        f"Next: python -m etl explain {cycle.cycle_id}\n"
        f"      python -m papermill {path} explored.ipynb -p feed {cycle.feed}   (plots{lab})"
    )


def in_line(cycle: Cycle) -> str:
    """What was left out in one line, for a schedule's log, without values of rows; empty where there is nothing to report."""
    outcome = cycle.outcome
    texts = [*_lost(cycle, with_values=False), *map(Text, filter(None, [_ignored(outcome)]))]
    if outcome.is_all_lost:
        texts.insert(0, Text(_nothing(cycle)))
    return " ".join(line.plain for line in texts)


def _lost(cycle: Cycle, *, with_values: bool) -> list[Text]:
    outcome = cycle.outcome
    causes = [safe(cause.sentence(outcome.read, with_values=with_values)) for cause in outcome.causes]
    sentences = (_rejected(cycle), *causes, _conflicting(cycle), _set_aside(outcome), _failing(outcome))
    return [Text(sentence) for sentence in sentences if sentence]


def _nothing(cycle: Cycle) -> str:
    """That nothing was loaded, and what is in the table now; empty where something was."""
    outcome = cycle.outcome
    table = "" if outcome.rows_in_table is None else f" The table {outcome.table} {holds(outcome.rows_in_table)}."
    if outcome.is_all_lost:
        return f"Nothing was loaded: {'; '.join(_losses(outcome))}.{table}"
    if not table:
        return ""
    if losses := _losses(outcome):
        return f"No row was added: {'; '.join(losses)}. Whatever else was read had been loaded before.{table}"
    if outcome.known_files and not outcome.read:
        files = f"the content of {counted(outcome.known_files, 'file')} there was loaded before"
        return f"Nothing new arrived from {outcome.source}: {files}.{table}"
    if outcome.read:
        return f"Nothing new was loaded: all that was read had been loaded before.{table}"
    send = (
        f" To send the readings of a file: python -m etl run {cycle.feed} --file FILE"
        if not outcome.rows_in_table
        else ""
    )
    return f"Nothing new arrived from {outcome.source}.{table}{send}"


def safe(text: str) -> str:
    """A text without characters that move a terminal's cursor; those are written as `shown_name` does."""
    return "".join(letter if letter.isprintable() else shown_name(letter) for letter in text)


def _losses(outcome: Outcome) -> list[str]:
    """How much was left out, in a few words each."""
    left_out = (
        (outcome.rejected, "row", "rejected"),
        (outcome.conflicting, "row", "conflicting"),
        (len(outcome.set_aside), "file", "set aside"),
        (len(outcome.failing), "file", "not processed yet"),
    )
    every = outcome.is_all_lost
    return [
        f"{'all ' if every and number > 1 else ''}{counted(number, noun)} {what}"
        for number, noun, what in left_out
        if number
    ]


def _rejected(cycle: Cycle) -> str:
    if not cycle.outcome.rejected:
        return ""
    reasons = [(reason, rows) for reason, rows in cycle.outcome.reasons if reason != Reason.CONFLICTING]
    why = f": {_top(reasons)}" if reasons else ""
    return f"{counted(cycle.outcome.rejected, 'row')} rejected{why}. {_LOOK} --cycle {cycle.cycle_id}"


def _conflicting(cycle: Cycle) -> str:
    outcome = cycle.outcome
    if not outcome.conflicting:
        return ""
    key = f" ({outcome.conflicting_because})" if outcome.conflicting_because else ""
    sentence = (
        f"{counted(outcome.conflicting, 'row')} conflicting: earlier ones have the same key{key} and other values."
    )
    is_kept = any(reason == Reason.CONFLICTING for reason, _ in outcome.reasons)
    return f"{sentence} {_LOOK} --cycle {cycle.cycle_id} --reason {Reason.CONFLICTING}" if is_kept else sentence


def _top(reasons: list[tuple[str, int]]) -> str:
    parts = [f"{rows:,} {reason}" for reason, rows in reasons[:_SHOWN]]
    if rest := reasons[_SHOWN:]:
        others = "another reason" if len(rest) == 1 else f"{len(rest)} other reasons"
        parts.append(f"{sum(rows for _, rows in rest):,} for {others}")
    return ", ".join(parts)


def _set_aside(outcome: Outcome) -> str:
    files = outcome.set_aside
    return f"{counted(len(files), 'file')} set aside: {_causes(files)}. {_LOOK} --files" if files else ""


def _failing(outcome: Outcome) -> str:
    files = outcome.failing
    if not files:
        return ""
    return f"{counted(len(files), 'file')} not processed yet: {_causes(files)}. The next cycle tries again."


def _causes(files: Mapping[str, str]) -> str:
    parts = [f"{safe(name)} ({safe(cause).rstrip('.')})" for name, cause in list(files.items())[:_SHOWN]]
    return ", ".join(parts) + (f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else "")


def _ignored(outcome: Outcome) -> str:
    if not outcome.ignored:
        return ""
    names = [name for name in outcome.ignored_names if "/" not in name and not name.startswith(".")]
    parts = []
    for kind, files in outcome.ignored.items():
        one, several = _KINDS.get(kind, (kind, kind))
        named = f" ({_named(names, files)})" if kind in ("other_ending", "other_name") and names else ""
        parts.append(f"{files:,} {one if files == 1 else several}{named}")
    return f"{counted(sum(outcome.ignored.values()), 'file')} ignored: {', '.join(parts)}."


def _named(names: Iterable[str], files: int) -> str:
    shown = [safe(name) for name in names][:_SHOWN]
    return ", ".join(shown) + (", …" if files > len(shown) else "")


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
