"""CSV files in the dialects that a contract can describe: every line keeps its number, and its text can be read again."""

from __future__ import annotations

import codecs
import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.validation.message import read
from tests.support.file_records import Row, packings, rows_of, zstd


def contract(**dialect: object) -> Contract:
    return Contract(
        feed="dams",
        source=LandingFolder("landing/dams", CsvLines(CsvDialect(**dialect))),  # type: ignore[arg-type]
        table="dams",
        columns=(
            Column("at", "timestamp", required=True),
            Column("dam", "text", required=True),
            Column("level", "double"),
        ),
        primary_key=(),
        event_time=EventTime("at"),
        sensor=("dam",),
    )


T = "2025-06-15T09:12:01Z"


def rows(tmp_path: Path, content: str | bytes, feed: Contract) -> list[Row]:
    file = tmp_path / "dams.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return rows_of(feed, file)


def values(found: list[Row]) -> list[tuple[str | None, ...]]:
    return [(row["source_offset"], row["dam"], row["level"]) for row in found]


def test_lines_before_and_after_the_header_are_no_records_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    content = f'sep=;\n"a title\nat;dam;level\nISO;;m\n{T};north;1\n\n{T};south;2\n'
    found = rows(tmp_path, content, contract(delimiter=";", skip_rows=2, skip_after_header=1))
    assert values(found) == [("5", "north", "1"), ("7", "south", "2")]


def test_without_a_header_the_lines_before_the_first_record_are_passed_over(tmp_path: Path) -> None:
    found = rows(tmp_path, f"title\n{T},north,1\n", contract(header=False, skip_rows=1))
    assert values(found) == [("2", "north", "1")]


def test_comments_are_no_records_wherever_they_are(tmp_path: Path) -> None:
    content = (
        f'# made by a logger\nat,dam,level\n#"units\n{T},"north\n# no comment",1\n# {"x" * (1 << 20)}\n{T},south,2\n'
    )
    found = rows(tmp_path, content, contract(comment="#"))
    assert values(found) == [("4", "north\n# no comment", "1"), ("7", "south", "2")]


def test_a_comment_after_a_broken_line_is_one_all_the_same(tmp_path: Path) -> None:
    found = rows(tmp_path, f'at,dam,level\n{T},"north,1\n# said\n{T},south,2\n', contract(comment="#"))
    assert [(row["source_offset"], row["raw"]) for row in found] == [("2", f'{T},"north,1'), ("4", None)]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("  {t} ,\t north\t,  1 ", ("north", "1")),
        ('{t}, "north, old" ,1', ("north, old", "1")),
        ('{t}\t,\t"north ""x"" , old"\t , "1" ', ('north "x" , old', "1")),
        ('{t},\t"north, old",1', ("north, old", "1")),
        ('{t},"north" old,1', None),
        ('{t}, "north, old", 1 ', ("north, old", "1")),
        ('{t}, " north ",', ("north", None)),
        ("{t},   ,1", (None, "1")),
        ('{t},"  ",1', ("", "1")),
        ('{t},5" dam,1', ('5" dam', "1")),
    ],
)
def test_blanks_around_fields_are_removed(tmp_path: Path, line: str, fields: tuple[str | None, ...] | None) -> None:
    feed = contract(trim=True)
    (row,) = rows(tmp_path, f"at , dam,level \n{line.format(t=T)}\n", feed)
    if fields is None:
        assert (row["dam"], row["raw"]) == (None, line.format(t=T))
        return
    assert (row["at"], row["dam"], row["level"]) == (T, *fields)
    again = read(line.format(t=T), feed, 0, ("at", "dam", "level"))
    assert (again.texts["dam"], again.texts["level"]) == fields


def test_a_tab_that_is_the_delimiter_is_no_blank(tmp_path: Path) -> None:
    feed = contract(trim=True, delimiter="\t")
    found = rows(tmp_path, f'at\tdam\tlevel\n{T}\t\t "1" \n{T}\t"north" \t""\n', feed)
    assert values(found) == [("2", None, "1"), ("3", "north", "")]


def test_the_delimiter_at_the_end_of_lines_is_no_field(tmp_path: Path) -> None:
    feed = contract(delimiter=";", trailing_delimiter=True)
    content = f"at;dam;level;\n{T};north;1;\n{T};south;;\n{T};east;3\n{T};west;\n{T};far;4;5;\n"
    found = rows(tmp_path, content, feed)
    assert values(found)[:3] == [("2", "north", "1"), ("3", "south", None), ("4", "east", "3")]
    assert [row["raw"] for row in found[3:]] == [f"{T};west;", f"{T};far;4;5;"]
    assert read(f"{T};south;;", feed, 0, ("at", "dam", "level")).texts == {"at": T, "dam": "south", "level": None}


WIDE = f"at,dam,level\n{T},Süd,1\n{T},Kölnbrein \U0001f3d4,high\n"
ENCODED = {
    "utf-8 with a mark": (codecs.BOM_UTF8 + WIDE.encode(), "utf-8"),
    "utf-16 by its mark": (WIDE.encode("utf-16"), "utf-8"),
    "utf-16 big endian": (codecs.BOM_UTF16_BE + WIDE.encode("utf-16-be"), "utf-16"),
    "utf-16 without a mark": (WIDE.encode("utf-16-le"), "utf-16-le"),
    "utf-32": (WIDE.encode("utf-32"), "utf-8"),
    "utf-16 in zstd": (zstd(WIDE.encode("utf-16")), "utf-16"),
}


@pytest.mark.parametrize(("content", "encoding"), ENCODED.values(), ids=list(ENCODED))
def test_a_file_in_a_wide_encoding_is_read_and_keeps_its_texts_in_utf_8(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    feed = contract(encoding=encoding)
    found = rows(tmp_path, content, feed)
    assert values(found) == [("2", "Süd", "1"), ("3", "Kölnbrein \U0001f3d4", "high")]
    assert [row["raw"] for row in found] == [None, f"{T},Kölnbrein \U0001f3d4,high"]
    assert read(str(found[1]["raw"]), feed, 0, ("at", "dam", "level")).texts["dam"] == "Kölnbrein \U0001f3d4"


def test_what_is_not_valid_in_utf_16_is_unreadable_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="it is not valid in utf-16"):
        rows(tmp_path, WIDE.encode("utf-16") + b"\n", contract(encoding="utf-16"))


def test_a_mark_takes_precedence_also_over_a_narrower_encoding(tmp_path: Path) -> None:
    found = rows(tmp_path, codecs.BOM_UTF8 + WIDE.encode(), contract(encoding="cp1252"))
    assert found[0]["dam"] == "Süd"
    assert str(found[1]["raw"]).endswith("Kölnbrein \\U0001f3d4,high") or str(found[1]["raw"]).startswith("\\x")


@pytest.mark.parametrize("packing", packings())
def test_the_first_bytes_show_how_a_file_is_packed(tmp_path: Path, packing: str) -> None:
    found = rows(tmp_path, packings()[packing](f"at,dam,level\n{T},north,1\n".encode()), contract())
    assert values(found) == [("2", "north", "1")]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_what_cannot_be_unpacked_is_unreadable(tmp_path: Path, pack: object, damage: str) -> None:
    content = pack(b"at,dam,level\n" + b"".join(f"{T},dam {n},{n}\n".encode() for n in range(5_000)))  # type: ignore[operator]
    middle = len(content) // 2
    broken = content[:-9] if damage == "truncated" else content[:middle] + b"\0" * 40 + content[middle + 40 :]
    with pytest.raises(UnreadableFile, match="it cannot be unpacked"):
        rows(tmp_path, broken, contract())


def test_a_header_in_a_dialect_is_compared_without_its_delimiter_and_blanks(tmp_path: Path) -> None:
    feed = contract(delimiter=";", trailing_delimiter=True, trim=True)
    assert values(rows(tmp_path, f"at ; dam;level ;\n{T};north; 1 ;\n", feed)) == [("2", "north", "1")]
    with pytest.raises(UnreadableFile, match="lacks 'dam'"):
        rows(tmp_path, f"at;level;\n{T};1;\n", replace(feed))
