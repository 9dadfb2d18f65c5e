"""Messages of JSON files: the first lines show whether these are lines or one document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.errors import UnreadableFile
from etl.storage.content import json_messages
from tests.support.file_records import packings


def messages(tmp_path: Path, content: str | bytes) -> list[tuple[int, bytes]]:
    file = tmp_path / "a.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with json_messages.json_messages(file, wraps=False) as found:
        return list(found)


def good(number: int) -> str:
    return json.dumps({"meterId": f"m{number}", "on": True})


DOCUMENTS = {
    "array": json.dumps([json.loads(good(n)) for n in range(3)], indent=2),
    "array in one line": f"[{good(0)}, {good(1)}, {good(2)}]",
    "array of lines": f"[\n{good(0)},\n{good(1)},\n{good(2)}\n]\n",
    "lines": f"{good(0)}\n{good(1)}\n{good(2)}\n",
    "lines with a broken one first": f'{{"meterId":\n{good(1)}\n{good(2)}\n',
}


@pytest.mark.parametrize("packing", packings())
@pytest.mark.parametrize("form", DOCUMENTS)
def test_the_first_lines_show_whether_a_file_is_a_document(tmp_path: Path, form: str, packing: str) -> None:
    found = messages(tmp_path, packings()[packing](DOCUMENTS[form].encode()))
    assert [number for number, _ in found] == [1, 2, 3]
    assert [json.loads(message)["meterId"] for _, message in found[1:]] == ["m1", "m2"]


def test_arrays_in_lines_of_which_the_first_is_broken_are_lines(tmp_path: Path) -> None:
    lines = [f"[{good(0)},", f"[{good(1)}]", f" [{good(2)}, {good(3)}]"]
    assert messages(tmp_path, "\n".join(lines)) == [(n, line.encode()) for n, line in enumerate(lines, start=1)]
    # Lines that are arrays, and one that is none, may be one document.
    assert messages(tmp_path, "[\n[1]\n]") == [(1, b"[1]")]


BROKEN = {
    "an array without an end": ("[" + good(0) + ",\n" + good(1), "not valid JSON"),
    "something after it": (f"[\n{good(0)}]\n]", "not valid JSON"),
    "no commas": (f"[\n{good(0)}\n{good(1)}\n]", "Expecting ',' delimiter, line 3"),
    "arrays without commas": ("[\n[1]\n[2]\n]", "Expecting ',' delimiter, line 3"),
    "a comma too many": (f"[{good(0)},\n]", "not valid JSON"),
    "an object without an end": ('{\n "meterId": "m",\n "power": 1', "not valid JSON"),
    "no JSON": ("meter;power\nm1;5\n", "something other than JSON"),
    "nested too deep": ("[\n" + "[" * 100_000, "nested too deep"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_document_is_unreadable(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        messages(tmp_path, content)


def test_what_is_too_large_for_memory_is_unreadable_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_messages, "LARGEST_BYTES", 120)
    with pytest.raises(UnreadableFile, match="one document that is larger than 0 MiB") as told:
        messages(tmp_path, f"[\n{good(0)},\n{good(1)},\n{good(2)},\n{good(3)},\n{good(4)}\n]")
    assert "as lines" in told.value.remedy
    with pytest.raises(UnreadableFile, match="line 3 is larger"):
        messages(tmp_path, f"{good(0)}\n{good(1)}\n{'x' * 200}\n")
