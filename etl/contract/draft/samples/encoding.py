"""The text of a file, and its encoding by evidence."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass

from etl.contract.draft.samples.content import Content
from etl.contract.draft.samples.foreign import refuse_foreign
from etl.contract.draft.samples.wording import counted
from etl.contract.formats.first_bytes import marked_encoding

_WIDE = {"utf-16-le": 1, "utf-16-be": 0}
"""Encoding → which byte of each pair is zero in the characters of ASCII."""
_EXAMINED = 1 << 16
_OTHERS = ("cp1251", "gb18030", "shift_jis", "euc_kr", "iso8859_7", "cp1256")
"""Encodings of other scripts, in which nearly every letter is beyond ASCII."""
_DOS = ("cp850", "cp437")
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_IN_CP1252_ONLY = re.compile(rb"[\x80-\x9f]")
_WORD = re.compile(rb"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]*[\x80-\xff][^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]*")


@dataclass(frozen=True)
class Text:
    """The text of a file's beginning; bytes that are not valid in the encoding are lone surrogates."""

    text: str
    encoding: str
    """As a contract names it."""
    evidence: tuple[str, ...] = ()
    question: str = ""
    """About the encoding."""


def decode(content: Content) -> Text:
    """The text, by its byte-order mark; else UTF-16 or UTF-8 where it is valid; else what its bytes speak for.

    :raises ConfigurationError: the content is no text.
    """
    marked = marked_encoding(content.head)
    if marked:
        said = f"{marked.removesuffix('-sig').upper()} with a byte-order mark"
        return Text(_decoded(content, marked), marked.removesuffix("-sig"), (said,))
    for wide, zero in _WIDE.items():
        if _has_zeros_at(content.head[:_EXAMINED], zero):
            return Text(_decoded(content, wide), wide, (f"{wide.upper()} without a byte-order mark",))
    refuse_foreign(content)
    if content.head.isascii():
        return Text(_decoded(content, "utf-8"), "utf-8")
    return _beyond_ascii(content)


def _decoded(content: Content, encoding: str) -> str:
    # The beginning of a file may end within a character.
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding.startswith("utf-8") else "replace")
    return decoder.decode(content.head, final=content.is_whole)


def _has_zeros_at(head: bytes, place: int) -> bool:
    """Whether about every second byte is zero: those of one place, and none of the other."""
    pairs = len(head) // 2
    zeros, others = head[place : pairs * 2 : 2].count(0), head[1 - place : pairs * 2 : 2].count(0)
    return pairs > 0 and zeros > 0.2 * pairs and others < 0.01 * pairs


def _beyond_ascii(content: Content) -> Text:
    lines = [line for line in re.split(rb"[\r\n]+", content.head) if not line.isascii()]
    if not content.is_whole:
        lines = lines[:-1] or lines
    valid = sum(map(_is_utf8, lines))
    invalid = len(lines) - valid
    if valid >= invalid:
        wrong = (f"{counted(invalid, 'line')} not valid in UTF-8: rejected",) if invalid else ()
        return Text(_decoded(content, "utf-8"), "utf-8", wrong)
    encoding, evidence, question = _single_byte(content.head)
    if valid:
        question = f"{encoding} or utf-8: {counted(valid, 'line')} valid in UTF-8, {invalid:,} not"
    return Text(_decoded(content, encoding), encoding, (evidence,), question)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _single_byte(head: bytes) -> tuple[str, str, str]:
    """An encoding that is not UTF-8, the evidence, and the question where others are as likely."""
    beyond = len(re.findall(rb"[\x80-\xff]", head))
    in_pairs = len(re.findall(rb"[\x80-\xff](?=[\x80-\xff])", head))
    if in_pairs * 2 > beyond:
        return _of_other_script(head)
    if _NOT_IN_CP1252.search(head):
        return "latin-1", "not UTF-8, and bytes that cp1252 does not have", _which(head, ("latin-1", *_DOS))
    if _IN_CP1252_ONLY.search(head):
        return "cp1252", "not UTF-8; signs such as € and dashes that only cp1252 has", ""
    # The same letters in both; a later file may have a euro sign, which Latin-1 would read as an invisible character.
    return "cp1252", "not UTF-8; accented letters as in cp1252 and Latin-1", ""


def _of_other_script(head: bytes) -> tuple[str, str, str]:
    possible = [name for name in _OTHERS if _word_in(head, name)] or ["latin-1"]
    evidence = "not UTF-8; most letters beyond ASCII stand side by side, as in Cyrillic, Greek or Asian scripts"
    return possible[0], evidence, _which(head, possible)


def _which(head: bytes, names: tuple[str, ...] | list[str]) -> str:
    return ", or ".join(f"{name} ({word!r})" for name in names if (word := _word_in(head, name)))


def _word_in(head: bytes, encoding: str) -> str:
    """The first word beyond ASCII in an encoding; empty where it is not valid in it."""
    found = _WORD.search(head)
    with suppress(UnicodeDecodeError):
        head[:_EXAMINED].rsplit(b"\n", 1)[0].decode(encoding)
        return found[0].decode(encoding)[:20] if found else ""
    return ""
