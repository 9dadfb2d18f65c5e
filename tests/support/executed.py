"""Executed notebooks written by hand, and what stands in their pages."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

Cell = dict[str, Any]
Attributes = dict[str, str | None]

ENDLESS = {"br", "hr", "img", "meta"}
"""Elements that have no end."""


def notebook(*cells: Cell) -> bytes:
    """The content of a notebook's file."""
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"widgets": {}}, "cells": list(cells)}
    return json.dumps(document).encode()


def markdown(source: str, *tags: str) -> Cell:
    return {"cell_type": "markdown", "id": "m", "metadata": {"tags": list(tags)}, "source": source}


def code(source: str, *outputs: dict[str, Any], number: int | None = 1) -> Cell:
    base = {"cell_type": "code", "id": "c", "metadata": {}, "source": source}
    return {**base, "execution_count": number, "outputs": list(outputs)}


def display(**data: Any) -> dict[str, Any]:
    """An output; the names of its forms have `__` in place of a slash."""
    forms = {name.replace("__", "/"): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {"isolated": True}, "data": forms}


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def error(name: str, *traceback: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": "", "traceback": list(traceback)}


class Page(HTMLParser):
    """What is in a page: its elements, and each text with the elements around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[tuple[str, Attributes]] = []
        self.feed(html)
        self.close()
        assert not self._open, "everything ends"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ENDLESS:
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(str(attributes.get("id") or tag) for tag, attributes in self._open), data))

    def of_cells(self) -> list[tuple[str, Attributes]]:
        """The elements of the notebook, without the page around them."""
        tags = [tag for tag, _ in self.elements]
        return self.elements[tags.index("main") + 1 :]

    def around_each(self, text: str) -> list[tuple[str, ...]]:
        """The elements around each text with this in it, by their ids or else names, from outside to inside."""
        return [path for path, data in self.texts if text in data]

    def around(self, text: str) -> tuple[str, ...]:
        """The same for a text that is there once."""
        (found,) = self.around_each(text)
        return found

    def text(self) -> str:
        return "".join(data for path, data in self.texts if "style" not in path)
