"""Where a contract's values are in a message, as a tree of keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from etl.contract.model import ITEMS, Contract


@dataclass
class Node:
    """An object of a message: its keys with values, with objects, and the one with the array of readings."""

    leaves: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of key and column."""
    objects: dict[str, Node] = field(default_factory=dict)
    array: str | None = None
    element: Node | None = None
    whole: list[str] = field(default_factory=list)
    """Columns that take an array's element itself, as in an array of scalars."""
    is_open: bool = False
    """Whether keys that the contract does not name are none of its concern: the object is not in the envelope."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that the contract knows."""
        array = (self.array,) if self.array else ()
        return tuple(dict.fromkeys([*(key for key, _ in self.leaves), *self.objects, *array]))


def tree(contract: Contract) -> Node:
    """The objects of a feed's messages. An array as a message is read as an object with the one key `ROOT`."""
    root = Node()
    node = root
    for key in contract.envelope:
        node = node.objects.setdefault(key, Node())
    node = root
    for level in contract.explode:
        *path, array = level
        for key in path:
            node = node.objects.setdefault(key, Node())
        node.array, node.element = array, Node()
        node = node.element
    for column in contract.message_columns:
        _add_column(root, column.source, column.name)
    if contract.envelope:
        _open_outside(root, contract.envelope)
    return root


def _open_outside(node: Node, envelope: Path) -> None:
    """Open every object that is not in the envelope; an empty path means that the node is the envelope."""
    if not envelope:
        return
    node.is_open = True
    for key, inner in node.objects.items():
        _open_outside(inner, envelope[1:] if key == envelope[0] else _NOWHERE)
    if node.element is not None:
        _open_outside(node.element, _NOWHERE)


def _add_column(node: Node, path: Path, column: str) -> None:
    key, *rest = path
    if not rest:
        node.leaves.append((key, column))
    elif rest[0] != ITEMS:
        _add_column(node.objects.setdefault(key, Node()), tuple(rest), column)
    elif node.element is not None and len(rest) == 1:
        node.element.whole.append(column)
    elif node.element is not None:
        _add_column(node.element, tuple(rest[1:]), column)


Path = tuple[str, ...]
_NOWHERE: Path = (ITEMS,)
"""A path that no key begins."""
