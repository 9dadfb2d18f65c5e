"""CSV files as other programs write them: headers, stray quotes, odd line ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etl.contract.model import UnknownKeys
from etl.contract.reader import Column, Contract, EventTime
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.jobs.consume.files.parts import part_paths, write_parts
from etl.storage.batch_csv import read_chunks
from etl.storage.landing_folder import part_columns

SALES = Contract(
    feed="sales",
    source=LandingFolder("landing/sales"),
    table="sales",
    columns=(
        Column("day", "timestamp", required=True, path=("DATE",)),
        Column("hour", "text", path=("TIME",)),
        Column("quantity", "double", path=("Qty",)),
    ),
    primary_key=(),
    event_time=EventTime("day", formats=("%d/%m/%Y",)),
    sensor=("hour",),
)


def parts(folder: Path, content: str, contract: Contract = SALES) -> list[dict[str, str | None]]:
    """The rows that come of a file, without the columns that say where they came from."""
    file = folder / "sales.csv"
    file.write_bytes(content.encode())
    (folder / "out").mkdir(exist_ok=True)
    _, found = write_parts(contract, file, "0" * 64, folder / "out", number=0)
    rows = [row for part in found for chunk in read_chunks(folder / "out" / part.name) for row in chunk.to_pylist()]
    return [{k: v for k, v in row.items() if not k.startswith("source_")} for row in rows]


def test_names_of_a_header_are_matched_without_the_spaces_around_them(tmp_path: Path) -> None:
    (row,) = parts(tmp_path, "DATE, TIME,\tQty \n17/02/2018,02:00,3\n")
    assert row == {"day": "17/02/2018", "hour": "02:00", "quantity": "3", "raw": None}


def test_a_name_with_spaces_in_the_contract_is_matched_as_it_is(tmp_path: Path) -> None:
    spaced = replace(SALES, columns=(SALES.columns[0], Column("hour", "text", path=(" TIME",)), SALES.columns[2]))
    (row,) = parts(tmp_path, "DATE, TIME,Qty\n17/02/2018,02:00,3\n", spaced)
    assert row["hour"] == "02:00"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("DATE;TIME;Qty", "lacks 'DATE'"),
        ("DATE,when,how many", "names none of 'Qty'"),
        ("DATE", "names none of 'Qty'"),
        ("DATE,time,Qty", "names 'time', which the contract calls 'TIME'"),
        ("DATE,TIME,Qty,QTY_", None),
        ("DATE,Qty,note", None),
        ("DATE, Qty,Qty", "names column 'Qty' twice"),
        ("DATE,Qty,a,A", None),
    ],
)
def test_a_header_that_would_lose_values_sets_the_file_aside(tmp_path: Path, header: str, reason: str | None) -> None:
    content = f"{header}\n17/02/2018{',1' * header.count(',')}\n"
    if reason is None:
        assert parts(tmp_path, content)[0]["quantity"] == "1"
        return
    with pytest.raises(UnreadableFile, match=reason):
        parts(tmp_path, content)


@pytest.mark.parametrize("unknown_keys", ["evolve", "discard"])
def test_a_column_of_another_case_is_a_new_one_where_new_ones_are_not_left_out(
    tmp_path: Path, unknown_keys: UnknownKeys
) -> None:
    (row,) = parts(tmp_path, "DATE,Qty,QTY,time\n17/02/2018,1,2,3\n", replace(SALES, unknown_keys=unknown_keys))
    assert (row["quantity"], row["QTY"], row["time"]) == ("1", "2", "3")


def test_a_line_with_a_separator_hidden_by_a_stray_quote_is_kept_whole(tmp_path: Path) -> None:
    stray = """17/02/2018,$45"Silk, Crewneck","For ",1"""
    wide = replace(SALES, columns=(*SALES.columns, Column("note", "text")))
    rows = parts(tmp_path, f'DATE,TIME,Qty,note\n{stray}\n17/02/2018,5" pipe,1,"a, b"\n', wide)
    assert [row["raw"] for row in rows] == [stray, None]
    assert rows[0]["day"] is None
    assert (rows[1]["hour"], rows[1]["note"]) == ('5" pipe', "a, b")


def test_columns_whose_names_begin_alike_have_names_that_a_database_can_tell_apart() -> None:
    header = ("DATE", *(f"{'a long name, ' * 6}{number}" for number in range(200)), "x", "X", "x.")
    names = [name for name, source in part_columns(SALES, header).items() if source != "DATE"]
    assert len({name.lower() for name in names}) == len(names)
    assert max(map(len, names)) <= 60
    assert {"X", "x_", "x_2"} <= set(names)


def test_part_files_say_where_each_column_was_in_the_source() -> None:
    headers = [("DATE", "a b", "Qty"), ("DATE", "a-b")]
    assert set(part_columns(SALES, headers[0])) == {"day", "hour", "quantity", "a_b"}
    # Two columns of the same name in part files, with values of different columns: neither is known.
    assert part_paths(SALES, headers) == {"day": ("DATE",), "hour": ("TIME",), "quantity": ("Qty",)}


def test_a_column_without_a_name_is_in_part_files_as_well() -> None:
    header = ("", "DATE", "TIME", "Qty")
    (unnamed,) = [name for name, source in part_columns(SALES, header).items() if source == ""]
    assert part_paths(SALES, [header])[unnamed] == ("",)


def test_the_values_of_a_column_without_a_name_are_kept(tmp_path: Path) -> None:
    content = ",DATE,TIME,Qty\n7,17/02/2018,02:00,3\n8,17/02/2018,03:00,\n"
    (unnamed,) = [name for name, source in part_columns(SALES, ("", "DATE", "TIME", "Qty")).items() if source == ""]
    found = parts(tmp_path, content, replace(SALES, unknown_keys="evolve"))
    assert [row[unnamed] for row in found] == ["7", "8"]
    found = parts(tmp_path, content, replace(SALES, unknown_keys="discard"))
    assert [row["raw"] for row in found] == ["7,17/02/2018,02:00,3", "8,17/02/2018,03:00,"]
    found = parts(tmp_path, content)
    assert [(row["hour"], row["quantity"], row["raw"]) for row in found] == [
        ("02:00", "3", None),
        ("03:00", None, None),
    ]
