"""What becomes of a sample: drafted by `feeds new`, and run unedited through the reader and the loader's validation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from typer.testing import CliRunner

from etl.cli.app import app
from etl.contract.formats.kinds import FORMATS
from etl.contract.model import Column, Contract
from etl.contract.reader import read_contract
from etl.errors import ContractError, EtlError
from etl.jobs.consume.files.readers import read_file
from etl.operations.feeds.trial import TriedRows, try_rows
from etl.operations.feeds.try_out import rows_of_messages
from etl.validation.rejects import COORDINATES
from etl.validation.validate import validate
from tests.samples.corpus import Sample
from tests.samples.live import drafted_live

SHARE = 0.95
_DAY = datetime(2026, 12, 1, tzinfo=UTC)
"""When the samples are validated: after all of their times."""


@dataclass
class Outcome:
    """What became of a sample, and everything about it that is not right."""

    sample: Sample
    refused: str = ""
    """Why `feeds new` refused it, or why its draft cannot be read."""
    questions: list[str] = field(default_factory=list)
    """What a person must decide: place and text of each TODO."""
    readings: int = 0
    loaded: int = 0
    duplicates: int = 0
    replaced: int = 0
    """Readings with the key of an earlier one and other values, where the contract lets them replace it."""
    conflicting: int = 0
    """The same where it does not."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Reason and column → readings."""
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        return (self.loaded + self.duplicates + self.replaced) / self.readings if self.readings else 0.0

    @property
    def verdict(self) -> str:
        if self.wrong:
            return "WRONG"
        return "asks" if self.questions else "refused" if self.refused else "loads"


def outcome(sample: Sample, folder: Path) -> Outcome:
    """Draft and run a sample in an empty folder."""
    found = Outcome(sample)
    files = sample.paths(folder)
    if sample.via == "messages":
        live, (draft, found.refused) = drafted_live(sample.name, files, folder)
    else:
        live, (draft, found.refused) = None, _drafted(sample, files, folder)
    contract = _read(draft, found) if draft else None
    if contract:
        try:
            chunks = rows_of_messages(contract, live.messages) if live else _rows(contract, files)
            _run(found, contract, list(chunks))
        except EtlError as error:
            found.refused = error.cause
        except Exception as error:  # noqa: BLE001 - the table shows it, beside the other samples
            found.wrong.append(f"it crashes: {error!r}")
    found.wrong += _wrong_answers(found)
    return found


def _read(draft: Path, found: Outcome) -> Contract | None:
    """The drafted contract, with the answers to its questions, where the index has them."""
    try:
        return read_contract(draft)
    except ContractError as error:
        found.questions, found.refused = _questions(error)
        if not found.questions or not found.sample.answers:
            return None
        draft.write_text(_answered(draft.read_text("utf-8"), error, found.sample.answers), "utf-8")
    try:
        return read_contract(draft)
    except ContractError as error:
        found.wrong.append(f"after the decisions: {error.cause}")
        return None


def _answered(text: str, error: ContractError, answers: Mapping[str, str]) -> str:
    """The draft with an answer in place of each TODO; only the first that fits its question."""
    lines = text.splitlines()
    for problem in error.problems:
        number = int(re.search(r": line (\d+): ", problem.cause)[1])  # type: ignore[index]
        answer = next((text for question, text in answers.items() if re.search(question, problem.cause)), "TODO")
        lines[number - 1] = lines[number - 1].partition("  #")[0].replace("TODO", answer)
    return "\n".join(lines) + "\n"


def _drafted(sample: Sample, files: list[Path], folder: Path) -> tuple[Path | None, str]:
    (folder / "feeds").mkdir()
    env = {"ETL_FEEDS": str(folder / "feeds"), "ETL_HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    where = ("--topic", sample.name) if sample.via == "topic" else ("--landing", f"landing/{sample.name}")
    given = [part for file in files for part in ("--from", str(file))]
    run = CliRunner().invoke(app, ["feeds", "new", sample.name, *given, *where], env=env)
    draft = folder / "feeds" / f"{sample.name}.odcs.yaml"
    if draft.exists():
        return draft, ""
    error = run.exception
    return None, error.cause if isinstance(error, EtlError) else f"{error!r} {run.output}"


def _questions(error: ContractError) -> tuple[list[str], str]:
    """The TODOs of a draft; else what is wrong with it."""
    asked = [re.sub(r"^.*?: line \d+: ", "", problem.cause) for problem in error.problems]
    if all(" is TODO: " in text for text in asked):
        return asked, ""
    return [], f"the draft is not a contract: {error.cause}"


def _run(found: Outcome, contract: Contract, chunks: list[TriedRows]) -> None:
    trial = try_rows(contract, chunks, now=_DAY)
    found.readings = trial.readings
    found.loaded, found.duplicates = trial.loaded, trial.duplicate
    is_replaced = contract.on_conflict == "keepLast"
    found.replaced, found.conflicting = (trial.conflicting, 0) if is_replaced else (0, trial.conflicting)
    for rejection in trial.rejections:
        found.rejected[f"{rejection.reason} {rejection.column or ''}".strip()] += rejection.rows
    accepted = [validate(c.table, contract, now=_DAY, headers=c.headers).accepted for c in chunks]
    if found.loaded:
        rows = pa.concat_tables(accepted).sort_by([(name, "ascending") for name in COORDINATES])
        found.wrong += _wrong_rows(found.sample, contract, rows, asked=bool(found.questions))


def _rows(contract: Contract, files: list[Path]) -> Iterator[TriedRows]:
    """The readings of files as their format's reader makes them. Messages of a topic are read like the lines of a file."""
    for number, file in enumerate(files):
        with read_file(contract, _format(contract, file), file, number) as records:
            for chunk in records.chunks:
                headers = {number: records.header} if records.header else {}
                yield TriedRows(_received(chunk.table, contract), headers, chunk.records)


def _received(rows: pa.Table, contract: Contract) -> pa.Table:
    """The readings with what Kafka knows of each message: when it arrived, and the topic."""
    texts = {"broker_time": f"{_DAY:%Y-%m-%dT%H:%M:%S.000Z}", "topic": contract.source.name}
    for column in contract.columns:
        if column.origin in texts:
            values = pa.array([texts[column.origin]] * rows.num_rows, pa.string())
            others = rows.drop_columns([column.name]) if column.name in rows.column_names else rows
            rows = others.append_column(column.name, values)
    return rows


def _format(contract: Contract, file: Path) -> Any:
    form = contract.source.format
    if form.suffixes:
        return form
    return next(kind() for kind in FORMATS.values() if file.suffix in kind.suffixes)


# --- what is not right ----------------------------------------------------------------------------------------------


def _wrong_answers(found: Outcome) -> list[str]:
    sample = found.sample
    if sample.must_ask:
        if sample.may_refuse and found.refused:
            return [] if re.search(sample.todo[0], found.refused) else [f"refused: {found.refused}"]
        missing = [part for part in sample.todo if not any(re.search(part, text) for text in found.questions)]
        why = f" ({found.refused})" if found.refused else ""
        unasked = [f"does not ask about {part}{why}" for part in missing]
        return unasked + (list(_wrong_counts(found)) if sample.answers and not missing else [])
    if found.refused:
        return [f"refused: {found.refused}"]
    if found.questions:
        needless = [] if sample.may_ask else [f"asks about {text}" for text in found.questions]
        return needless + (list(_wrong_counts(found)) if sample.answers else [])
    return list(_wrong_counts(found))


def _wrong_counts(found: Outcome) -> Iterator[str]:
    sample = found.sample
    rejects: Counter[str] = Counter()
    for reason, rows in found.rejected.items():
        rejects[reason.split()[0]] += rows
    expected = sum(sample.rejects.values())
    if rejects != Counter(sample.rejects):
        yield f"rejects {dict(found.rejected)}"
    elif found.loaded + found.duplicates + found.replaced < SHARE * sample.readings:
        yield f"{found.share:.0%} load: {dict(found.rejected)}"
    if found.readings - expected != sample.readings:
        yield f"{found.readings - expected} readings instead of {sample.readings}"
    again = (found.duplicates, found.replaced, found.conflicting)
    if again != (sample.duplicates, sample.replaced, 0):
        yield f"{again} duplicates, replaced and conflicting instead of {(sample.duplicates, sample.replaced, 0)}"


def _wrong_rows(sample: Sample, contract: Contract, rows: pa.Table, *, asked: bool) -> Iterator[str]:
    first = rows.slice(0, 1).to_pylist()[0]
    sensor = [str(first[name]) for name in contract.sensor]
    if sample.sensor and not set(sensor) & set(sample.sensor):
        yield f"the sensor is {contract.sensor} = {sensor}, not {' or '.join(sample.sensor)}"
    time = first[contract.event_time.column]
    if sample.time and time.astimezone(UTC) not in [_moment(text) for text in sample.time]:
        yield f"the time is {contract.event_time.column} = {time.isoformat()}, not {sample.time}"
    if sample.keyed and not contract.primary_key and not asked:
        yield "no key"
    for place, value in sample.values.items():
        columns = [column for column in contract.columns if _is_at(column, place)]
        if not any(_equal(first[column.name], value) for column in columns):
            yield f"{place} is {[first[column.name] for column in columns]}, not {value!r}"
    for place, number in sample.nulls.items():
        nulls = [rows[column.name].null_count for column in contract.columns if _is_at(column, place)]
        if number not in nulls:
            yield f"{place} has {nulls} missing values, not {number}"


def _is_at(column: Column, place: str) -> bool:
    path = ".".join(column.source).strip()
    return place in (path, column.name) or path.endswith(f".{place}")


def _equal(value: Any, expected: Any) -> bool:
    if isinstance(value, float | int) and isinstance(expected, float | int) and not isinstance(value, bool):
        return abs(value - expected) < 1e-9 * max(1.0, abs(expected))
    return bool(value == expected)


def _moment(text: str | float) -> datetime:
    return datetime.fromisoformat(text) if isinstance(text, str) else datetime.fromtimestamp(text, UTC)
