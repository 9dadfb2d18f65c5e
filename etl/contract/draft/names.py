"""Names of columns, after the keys of a message or the headers of a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from etl.contract.draft.guesses.values import plain_name
from etl.contract.draft.recognisers.shape import Path
from etl.contract.model import ITEMS, RESERVED, ROOT, column_names

_VALUE = re.compile(r"(value|val|v)$")
_AROUND = re.compile(
    r"(data|payload|body|readings?|fields?|values?|state|after|measurements?|telemetry|message|object|decoded(_payload)?"
    r"|reported|result|new_state|event|content|value)$"
)
"""Keys around values that say nothing about them."""


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its last key, with the key before it where several paths end alike."""
    last = [plain_name(_keys(path)[-1]) for path in paths]
    counts = Counter(last)
    names = []
    for path, name in zip(paths, last, strict=True):
        around = [key for key in map(plain_name, _keys(path)[:-1]) if not _AROUND.match(key)]
        is_several = counts[name] > 1
        if not around or not (is_several or _is_value_of_one(path, name)):
            names.append(name)
        else:
            names.append(around[-1] if _VALUE.match(name) else f"{around[-1]}_{name}")
    return column_names(names, RESERVED)


def _keys(path: Path) -> list[str]:
    return [key for key in path if key not in (ITEMS, ROOT)] or ["value"]


def _is_value_of_one(path: Path, name: str) -> bool:
    """Whether a path is that of the value in an object about one measure: `temperature.value`."""
    return bool(_VALUE.match(name)) and len(path) > 1 and path[-2] != ITEMS
