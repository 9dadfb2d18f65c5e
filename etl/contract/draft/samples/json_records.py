"""Objects in JSON: a message a line, or a document of one or several messages."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from etl.contract.draft.samples.content import Content
from etl.contract.draft.samples.encoding import Text
from etl.contract.draft.samples.wording import counted
from etl.contract.model import ROOT
from etl.errors import ConfigurationError

_MESSAGES = (".jsonl", ".ndjson")
"""Endings of files with a message in each line, even where there is only one."""
_EXAMINED = 200
_EXAMINED_CHARACTERS = 1 << 20
"""Lines that decide whether lines are messages."""
_LONGEST_INTEGER = 400
"""Digits; longer ones are kept as text, as infinite numbers are."""
_MOST_CHARACTERS = 16 << 20
"""Characters after which no further message is read: parsed, they take many times as much memory."""
_LARGE = re.compile(r"\d[eE]\+?\d{3}|\d{400}")
_BETWEEN = re.compile(r"[\s,\x1e]*")
_PREFIXED = re.compile(r"([^{\[]*)(\{.*\})\s*")
_GIVE = "Give whole messages: JSON objects, one a line, or an array of them."


@dataclass
class JsonMessages:
    """What was found in a text."""

    records: list[dict[str, Any]] = field(default_factory=list)
    share: float = 1.0
    """About which share of the text was read."""
    evidence: list[str] = field(default_factory=list)


@dataclass
class JsonDecoder:
    """Decodes values; it counts the numbers that JSON does not have."""

    not_finite: int = 0

    def __post_init__(self) -> None:
        self._quick = json.JSONDecoder(parse_constant=self._constant, strict=False)
        self._exact = json.JSONDecoder(
            parse_constant=self._constant, parse_float=self._real, parse_int=self._integer, strict=False
        )

    def at(self, text: str, place: int) -> tuple[Any, int]:
        """The value there, and where it ends."""
        return self._exact.raw_decode(text, place)

    def line(self, text: str) -> Any:
        """The value that a line is. Only long numbers, and those with a long exponent, need to be looked at one by one."""
        decoder = self._exact if _LARGE.search(text) else self._quick
        return decoder.decode(text)

    def _constant(self, text: str) -> str:
        self.not_finite += 1
        return text

    def _real(self, text: str) -> float | str:
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number

    def _integer(self, text: str) -> int | str:
        return int(text) if len(text) <= _LONGEST_INTEGER else text


def read_json(content: Content, text: Text, most: int) -> JsonMessages | None:
    """The messages of a file; None where it is something else than JSON.

    :param most: how many messages are read.
    :raises ConfigurationError: it is JSON that cannot be read, or holds no objects.
    """
    is_named = content.suffix in (".json", *_MESSAGES)
    decoder = JsonDecoder()
    try:
        found = _by_lines(content, text, most, decoder) or _document(content, text, most, decoder, is_named=is_named)
    except RecursionError:
        raise ConfigurationError(f"{content.name} is nested too deeply.", remedy=_GIVE) from None
    if found is None:
        return None
    if not found.records:
        raise ConfigurationError(f"{content.name} has no records, or nothing that is an object.", remedy=_GIVE)
    if decoder.not_finite:
        found.evidence.append(f"{counted(decoder.not_finite, 'number')} that JSON does not have: NaN or Infinity")
    if not text.encoding.startswith("utf"):
        found.evidence.append("messages and JSON files must be in UTF-8; texts in another encoding are rejected")
    return found


def _lines(text: str) -> Iterator[str]:
    """Lines end with CR, LF or both; `str.splitlines` would split at seven more characters."""
    return (line for line in io.StringIO(text, newline="") if line.strip())


def _by_lines(content: Content, text: Text, most: int, decoder: JsonDecoder) -> JsonMessages | None:
    """The messages, if most lines are one each."""
    first = _first_lines(text.text)
    if content.suffix not in _MESSAGES and len(first) == 1 and not first[0].lstrip().startswith("{"):
        return None
    if sum(_is_message(line, decoder) for line in first) * 2 <= len(first):
        return None
    decoder.not_finite = 0
    found, characters, wrong = JsonMessages(), 0, list[int]()
    for number, line in enumerate(io.StringIO(text.text, newline=""), start=1):
        if len(found.records) == most or characters > _MOST_CHARACTERS:
            found.share = characters / len(text.text)
            break
        characters += len(line)
        if not line.strip():
            continue
        message = _message_of(line, decoder)
        if message is None and not line.endswith(("\n", "\r")):
            found.evidence += ["the last line is incomplete"] * content.is_whole
        elif message is None:
            wrong.append(number)
        else:
            found.records.append(message)
    found.evidence.insert(0, f"{counted(len(found.records), 'line')} with a JSON object each")
    if wrong:
        found.evidence.append(
            f"{counted(len(wrong), 'line')} without a JSON object: rejected; the first is line {wrong[0]}"
        )
    return found


def _first_lines(text: str) -> list[str]:
    """Whole lines: as many as decide, of not too many characters, but two at least."""
    lines = list(itertools.islice(_lines(text[:_EXAMINED_CHARACTERS]), _EXAMINED))
    if len(text) > _EXAMINED_CHARACTERS and len(lines) < _EXAMINED:
        lines.pop()
    return lines if len(lines) > 1 else list(itertools.islice(_lines(text), 2))


def _is_message(line: str, decoder: JsonDecoder) -> bool:
    try:
        return isinstance(decoder.line(line), dict | list)
    except ValueError:
        return False


def message_of(value: bytes) -> dict[str, Any] | None:
    """A message of a topic; None for one that is no JSON object, and no array of them."""
    try:
        return _message_of(value.decode("utf-8"), JsonDecoder())
    except (UnicodeDecodeError, RecursionError):
        return None


def _message_of(line: str, decoder: JsonDecoder) -> dict[str, Any] | None:
    if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
        return None
    try:
        return _as_message(decoder.line(line))
    except ValueError:
        return None


def _as_message(value: Any) -> dict[str, Any] | None:
    """A value as a message; None for one that has no objects in it."""
    if isinstance(value, dict):
        return value or None
    return {ROOT: value} if isinstance(value, list) and any(isinstance(item, dict) for item in value) else None


def _document(content: Content, text: Text, most: int, decoder: JsonDecoder, *, is_named: bool) -> JsonMessages | None:
    """The messages of a document: its array's elements, or the objects that follow each other."""
    place = _after_blanks(text.text, 0)
    first = text.text[place : place + 1]
    if first not in ("{", "["):
        _refuse_prefixes(content, text)
        if is_named:
            raise ConfigurationError(f"{content.name} cannot be read: it is not JSON.", remedy=_GIVE)
        return None
    is_array = first == "["
    found, end, problem = _values(text.text, place + is_array, most, decoder)
    if problem and not found.records:
        if is_array and not is_named:
            return None
        raise ConfigurationError(f"{content.name} cannot be read: {_in_words(problem, content)}", remedy=_GIVE)
    count = counted(len(found.records), "JSON object")
    found.evidence = [f"an array of {count}; each element is read as one message" if is_array else count]
    found.share = 1.0 if problem else end / len(text.text)
    if problem and content.is_whole:
        found.evidence.append(f"the file breaks off, or is damaged, after them ({_in_words(problem, content)})")
    return found


def _after_blanks(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _values(text: str, place: int, most: int, decoder: JsonDecoder) -> tuple[JsonMessages, int, ValueError | None]:
    """The messages from a place on; where they end; and the error that ends them."""
    found = JsonMessages()
    while len(found.records) < most and (place < _MOST_CHARACTERS or not found.records):
        place = _after_blanks(text, place)
        if text.startswith("]", place):
            place += 1
            continue
        if place >= len(text):
            break
        try:
            value, place = decoder.at(text, place)
        except ValueError as problem:
            return found, place, problem
        message = _as_message(value)
        found.records += [message] if message else []
    return found, place, None


def _in_words(problem: ValueError, content: Content) -> str:
    if not content.is_whole:
        return "its first message is longer than what is read of a sample"
    if not isinstance(problem, json.JSONDecodeError):
        return str(problem)
    hint = " (keys in single quotes are Python's notation, not JSON)" if "property name" in problem.msg else ""
    return f"line {problem.lineno}, column {problem.colno}: {problem.msg}{hint}"


def _refuse_prefixes(content: Content, text: Text) -> None:
    """:raises ConfigurationError: each line has a text before a JSON object, as consumers of messages print them."""
    if content.suffix in (".csv", ".tsv"):
        return
    lines = list(itertools.islice(_lines(text.text), 20))
    matches = [match for line in lines if (match := _PREFIXED.fullmatch(line))]
    if lines and len(matches) == len(lines) and all(_is_message(match[2], JsonDecoder()) for match in matches):
        raise ConfigurationError(
            f"In {content.name} there is a text before each JSON object: {matches[0][1].strip()[:40]!r}.",
            remedy=f"Remove it: sed 's/^[^{{]*//' {content.name} > messages.jsonl",
        )
