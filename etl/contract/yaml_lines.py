"""YAML files, and the line of every place in one, so that an error can name it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

_KEY = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
# Written in C: a contract with 1,500 columns is read in half a second rather than in three.
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> object:
    """The content of a YAML document.

    :raises yaml.YAMLError: the text is not YAML; names the place where the mistake begins.
    """
    try:
        return yaml.load(text, Loader=_FAST)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError:
        return yaml.safe_load(text)


class YamlLines:
    """The lines of a YAML document, by paths such as `schema[0].properties[2].name`."""

    def __init__(self, text: str) -> None:
        """:raises yaml.YAMLError: the text is not YAML."""
        self._root: yaml.Node | None = yaml.compose(text, Loader=_FAST)

    def line(self, place: str) -> int:
        """The line of a place, counted from 1; for a missing place, the line of the object that lacks it.

        A custom property is in the path under its name: `customProperties.windows.sizes`.
        """
        node, line = self._root, 1
        for number, name in _KEY.findall(place):
            step = _child(node, name or int(number))
            if step is None:
                break
            line, node = step
        return line

    def plain_values(self, text: str) -> Iterator[tuple[int, str]]:
        """Line and place of every value that is this text without quotes."""
        yield from _plain_values(self._root, text, "")

    def repeated(self) -> Iterator[tuple[int, str]]:
        """Line and name of every key that is in one object twice; the YAML parser silently takes the last."""
        yield from _repeated(self._root)


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    """The line on which a child begins, and the child."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        if key < len(node.value):
            return node.value[key].start_mark.line + 1, node.value[key]
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            name, value = _child(item, "property"), _child(item, "value")
            if name and value and name[1].value == key:
                return name[0], value[1]
    return None


def _repeated(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                if name.value in seen:
                    yield name.start_mark.line + 1, name.value
                seen.add(name.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)


def _plain_values(node: yaml.Node | None, text: str, place: str) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        names = {name.value: value for name, value in node.value}
        prop = names.get("property")
        for name, value in node.value:
            # A custom property is in a place under its name.
            step = str(prop.value) if prop is not None and name.value == "value" else str(name.value)
            yield from _plain_values(value, text, f"{place}.{step}".removeprefix("."))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            is_property = _child(item, "property") is not None
            yield from _plain_values(item, text, place if is_property else f"{place}[{index}]")
    elif isinstance(node, yaml.ScalarNode) and not node.style and node.value == text:
        yield node.start_mark.line + 1, place
