"""Which tags of points tell their sensors apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etl.contract.draft.recognisers.shape import Path

_MOST = 4


def identifying_tags(tags: Sequence[Any]) -> tuple[str, ...]:
    """The tags that every point has; of more than a few, those with the most values."""
    objects = [item for item in tags if isinstance(item, Mapping)]
    values: dict[str, set[str]] = {}
    for item in objects:
        for name, value in item.items():
            values.setdefault(name, set()).add(str(value))
    everywhere = [name for name in values if all(name in item for item in objects)]
    chosen = sorted(everywhere, key=lambda name: -len(values[name]))[:_MOST]
    return tuple(name for name in everywhere if name in chosen)


def paths(start: Path, names: Sequence[str]) -> tuple[Path, ...]:
    return tuple((*start, name) for name in names)
