"""Words and numbers that stand for a missing value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_WORDS = {
    *(
        "nan",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#nv",
        "#value!",
        "#div/0!",
        "null",
        "(null)",
        "<null>",
        "none",
        "nil",
        "undefined",
    ),
    *("-", "--", "---", "----", "?", "??", "???", ".", "*", "***", "inf", "+inf", "-inf", "infinity", "-infinity"),
    *("unknown", "unavailable", "missing", "nodata", "no data", "no_data", "not available", "invalid", "error", "err"),
    *("k.a.", "k. a.", "fehlt", "1.#qnan", "1.#ind", "-1.#ind", "bad", "fault", "offline"),
}
_STATES = {"on", "off", "yes", "no", "true", "false", "open", "closed", "high", "low", "trace", "tr", "nd", "t"}
"""Words that say something: where they stand among numbers, the column is a text."""
_MOST_OTHER_WORDS = 3
_SHARE = 0.8
_SENTINEL = re.compile(r"-?(9{2,6}|200|32767|32768|65535|2147483648)([.,](0+|9+|99))?")
_DISTANCE, _DISTANCE_OF_ONE = 3.0, 10.0
"""A sentinel lies this many times the range of all other values away from them; the larger one, where it occurs once."""
_FEWEST = 10
"""Other values, beside which one that occurs once can be far outside."""


def is_missing_word(text: str) -> bool:
    return text.strip().lower() in _WORDS


def words_for_missing(texts: Mapping[str, int], is_value: Callable[[str], bool]) -> tuple[str, ...] | None:
    """The texts that stand for a missing value among values; None where something else is among them.

    A word that is not usual for it (`ERR7`) counts only beside four times as many values, and where few such words occur.
    """
    others = {text: count for text, count in texts.items() if not is_value(text)}
    unusual = [text for text in others if not is_missing_word(text)]
    values = sum(texts.values()) - sum(others.values())
    if unusual:
        says_nothing = all(re.fullmatch(r"[^\W\d]+", t) and t.strip().lower() not in _STATES for t in unusual)
        is_rare = sum(others.values()) <= (1 - _SHARE) * (values + sum(others.values()))
        if not (says_nothing and is_rare and len(unusual) <= _MOST_OTHER_WORDS):
            return None
    return tuple(others) if values else None


def sentinels(numbers: Mapping[str, tuple[float, int]]) -> tuple[str, ...]:
    """The texts of numbers such as -999 or -200 that lie far outside all others.

    :param numbers: text → its number, and how often it occurs.
    """
    candidates = {text: number for text, (number, count) in numbers.items() if _SENTINEL.fullmatch(text)}
    rest = [number for text, (number, _) in numbers.items() if text not in candidates]
    if not candidates or len(rest) < 2:
        return ()
    low, high = min(rest), max(rest)
    found = []
    for value in set(candidates.values()):
        texts = [text for text, number in candidates.items() if number == value]
        distance = max(value - high, low - value) / max(high - low, 1.0)
        is_once = sum(numbers[text][1] for text in texts) == 1
        is_far = distance > _DISTANCE or value < 0 <= low
        if (is_far and not is_once) or (distance > _DISTANCE_OF_ONE and len(rest) >= _FEWEST):
            found += texts
    return tuple(sorted(found))
