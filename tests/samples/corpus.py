"""The samples and what is right for each, as `index.yaml` has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.samples.bulk import BULK

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Sample:
    """Files of one feed, and what its draft must make of them, unedited."""

    name: str
    shows: str
    """What is special about it."""
    via: Literal["topic", "landing", "messages"]
    """How they arrive; `messages` are those of a live topic, with keys and headers (see `tests.samples.live`)."""
    files: tuple[str, ...]
    """In the folder of its name; files of a bulky sample are made by `tests.samples.bulk`."""
    readings: int = 0
    """How many readings its files hold, those that are delivered again included, and those in `rejects` excluded."""
    duplicates: int = 0
    """How many of them are delivered again."""
    replaced: int = 0
    """How many of them are earlier ones with other values, which replace those."""
    rejects: Mapping[str, int] = field(default_factory=dict)
    """Reason → how many are rightly rejected."""
    sensor: tuple[str, ...] = ()
    """What may identify the sensor of the first reading; empty: nothing in the messages does."""
    time: tuple[str | float, ...] = ()
    """What may be the event time of the first reading: in ISO 8601, or in epoch seconds."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Path of a key, or its end → its value in the first reading."""
    nulls: Mapping[str, int] = field(default_factory=dict)
    """Path of a key, or its end → how many loaded readings have no value in it."""
    keyed: bool = False
    """Whether a key can be found, so that what is delivered again does not become a second row."""
    todo: tuple[str, ...] = ()
    """Questions that the draft must ask: a regular expression for the place or the text of each."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """A regular expression for a question → what a person writes in place of TODO; with these the sample must load."""
    may_ask: bool = False
    """Whether asking something is as right as loading it."""
    may_refuse: bool = False
    """Whether `feeds new` may refuse the sample, with a message that the first of `todo` is found in."""

    @property
    def must_ask(self) -> bool:
        return bool(self.todo)

    def paths(self, folder: Path) -> list[Path]:
        """The sample's files.

        :param folder: where files are made that are not committed.
        """
        make = BULK.get(self.name)
        if make is None:
            return [FOLDER / self.name / file for file in self.files]
        for file in self.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
        make(folder)
        return [folder / file for file in self.files]


def samples() -> list[Sample]:
    """All samples, in the order of the index."""
    return [_sample(entry) for entry in yaml.safe_load((FOLDER / "index.yaml").read_text("utf-8"))]


def _sample(entry: dict[str, Any]) -> Sample:
    several: dict[str, Callable[[Any], Any]] = dict.fromkeys(("files", "sensor", "time", "todo"), _several)
    unknown = set(entry) - {f.name for f in fields(Sample)}
    assert not unknown, f"{entry['name']}: {unknown}"
    return Sample(**{name: several.get(name, _same)(value) for name, value in entry.items()})


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _same(value: Any) -> Any:
    return value
