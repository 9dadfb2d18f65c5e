"""What a person must decide before a contract can be used: its values `TODO`, each with a comment that says what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl.contract.yaml_lines import YamlLines

MARK = "TODO"


@dataclass(frozen=True)
class Question:
    """A value that is not decided yet."""

    line: int
    place: str
    text: str
    """What is asked, with the candidates; from the comment behind the value."""


def open_questions(text: str, lines: YamlLines) -> Iterator[Question]:
    """Every value that is TODO, without quotes; a quoted one is the text itself."""
    rows = text.splitlines()
    for line, place in lines.plain_values(MARK):
        _, _, comment = rows[line - 1].partition("#")
        yield Question(line, place, comment.strip() or "a decision is missing")
