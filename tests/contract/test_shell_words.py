"""Names and paths as words of a command."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.shell_words import shell_word

_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@pytest.mark.parametrize(
    "text", ["plain.csv", "my sample.csv", "it's", "$HOME `date`", "a\nb'c\\1", "gerät\u2028x", "\x1b[2J"]
)
def test_a_shell_reads_the_word_as_it_is(text: str) -> None:
    word = shell_word(text)
    assert word.isprintable()
    read = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert read.stdout == text.encode()


@given(_NAMES)
def test_any_name_is_one_line(text: str) -> None:
    assert shell_word(text).isprintable()
