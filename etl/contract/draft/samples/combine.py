"""One sample of several files, which have one format and one dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.samples.wording import counted
from etl.contract.formats.csv_dialect import CAMEL, CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.errors import ConfigurationError

_NAMED = 3
"""Files that a sample's name and a note name."""
_NOTES = 15


def combine(samples: Sequence[Sample]) -> Sample:
    """All records, in the order of the files; what the files differ in is a question.

    :raises ConfigurationError: the files differ in format.
    """
    if len(samples) == 1:
        return samples[0]
    first = samples[0]
    for sample in samples:
        if type(sample.form) is not type(first.form):
            raise ConfigurationError(
                f"{first.name} is {first.form.label} and {sample.name} is {sample.form.label}; a feed reads one format.",
                remedy="Draft a feed for each.",
            )
    questions = {place: text for sample in reversed(samples) for place, text in sample.questions.items()}
    form = first.form
    if first.form.is_tabular:
        dialect, differing = _one_dialect(samples)
        form, questions = CsvLines(dialect), {**questions, **differing}
    return Sample(
        _listed([sample.name for sample in samples]),
        form,
        [record for sample in samples for record in sample.records],
        (*_evidence(samples), *_different_columns(samples)),
        questions,
        files=tuple(file for sample in samples for file in sample.files),
        left=sum(sample.left for sample in samples),
        units={column: unit for sample in reversed(samples) for column, unit in sample.units.items()},
    )


def _evidence(samples: Sequence[Sample]) -> list[str]:
    """What was found, each once, with the files for which it holds."""
    files: dict[str, list[str]] = {}
    for sample in samples:
        for text in sample.evidence:
            files.setdefault(text, []).append(sample.name)
    notes = [text if len(names) == len(samples) else f"{_listed(names)}: {text}" for text, names in files.items()]
    more = len(notes) - _NOTES
    return notes[:_NOTES] + ([f"{counted(more, 'further note')} about the files"] if more > 0 else [])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _one_dialect(samples: Sequence[Sample]) -> tuple[CsvDialect, dict[str, str]]:
    """The dialect of most files, and a question for each part of it in which they differ."""
    values: dict[str, dict[Any, list[Sample]]] = {}
    for sample in samples:
        for name, value in asdict(sample.form.dialect).items():
            values.setdefault(name, {}).setdefault(value, []).append(sample)
    chosen: dict[str, Any] = {}
    questions: dict[str, str] = {}
    for name, files in values.items():
        harmless = _harmless(name, files)
        chosen[name] = max(files, key=lambda value: len(files[value])) if harmless is None else harmless
        if len(files) > 1 and harmless is None:
            examples = (f"{_shown(value)} (as in {of_it[0].name})" for value, of_it in files.items())
            questions[f"csv.{CAMEL.get(name, name)}"] = ", or ".join(examples)
    return CsvDialect(**chosen), questions


def _harmless(name: str, files: Mapping[Any, Sequence[Sample]]) -> Any:
    """The value that suits files with another one as well; None where there is none."""
    if name == "trim":
        return any(files)
    others = [value for value in files if value not in ("", "utf-8")]
    if len(files) != 2 or len(others) != 1:
        return None
    if name == "comment" or (name == "encoding" and all(_is_ascii(sample) for sample in files["utf-8"])):
        return others[0]
    return None


def _is_ascii(sample: Sample) -> bool:
    """Whether a sample has only characters that are the same in every encoding."""
    return all(f"{name}{value or ''}".isascii() for record in sample.records for name, value in record.items())


def _shown(value: Any) -> str:
    """A value as YAML."""
    return json.dumps(value, ensure_ascii=False)


def _different_columns(samples: Sequence[Sample]) -> list[str]:
    """Columns of CSV files that some of the files lack."""
    if not samples[0].form.is_tabular:
        return []
    columns = [tuple(sample.records[0]) for sample in samples]
    every = dict.fromkeys(name for names in columns for name in names)
    lacking = {name: [s.name for s, names in zip(samples, columns, strict=True) if name not in names] for name in every}
    return [f"column {name!r} is not in {_listed(files)}" for name, files in lacking.items() if files][:10]
