"""Whatever the path of a sample leads to: one clear message, or a draft, in bounded time and memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.draft.samples.read import read_sample
from etl.errors import ConfigurationError
from etl.settings import PROJECT_ROOT

MEBIBYTES = 1 << 20
MOST_SECONDS = 60
MOST_MEMORY = 800
"""MiB of address space beyond what the libraries take."""
READ = f"""
import resource, sys
from pathlib import Path
import pyarrow, pyarrow.parquet
from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.writer import draft
from etl.errors import EtlError
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {MOST_MEMORY} * {MEBIBYTES},) * 2)
try:
    sample = read_sample([Path(sys.argv[1])])
    print("records:", len(sample.records))
    print(draft("mine", sample, landing="in" if sample.form.is_tabular else "", topic="" if sample.form.is_tabular else "t"))
except EtlError as error:
    assert error.cause and error.remedy
    print("error:", error.cause)
"""
"""A program that drafts a contract from a sample with no more memory."""

TIME = "2025-06-15T00:00:00Z"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 40


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _unreadable(path: Path) -> None:
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")


def _link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "one.csv").write_text("a,b\n")


def _of(content: bytes | str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


MANY = [f"key_{number}" for number in range(10_000)]
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "one-line.json": (_of('{"t": "' + "x" * 5 * MEBIBYTES + '"}'), "records: 1"),
    "one-line-array.json": (_of("[" + ",".join(['{"a": 1}'] * 600_000) + "]"), "records: 10000"),
    "one-line.csv": (_of("x" * 5 * MEBIBYTES), "error: A line of one-line.csv has"),
    "one-line-of-fields.csv": (_of("1," * 2 * MEBIBYTES), "error: A line of one-line-of-fields.csv has"),
    "long-line-among-others.csv": (_of(f"time,v\n{TIME},1\n{'x' * 5 * MEBIBYTES}\n{TIME},2\n"), "records: 2"),
    "many-keys.jsonl": (_of(f"{json.dumps({'time': TIME, **dict.fromkeys(MANY, 1.5)})}\n" * 20), "records: 20"),
    "many-columns.csv": (
        _of(",".join(["time", *MANY]) + "\n" + ",".join([TIME, *["1.5"] * 10_000, "\n"])[:-2] * 20),
        "",
    ),
    "nested.json": (_of('{"a": ' * 200 + "1" + "}" * 200), "records: 1"),
    "too-nested.json": (_of("[" * 1_000_000), "error: too-nested.json"),
    "picture.csv": (_of(PNG), "error: picture.csv is a PNG image"),
    "zeros.csv": (_of(bytes(5 * MEBIBYTES)), "error: zeros.csv is not a text"),
    "random.json": (_of(bytes(range(256)) * 10_000), "error: random.json is not a text"),
    "sheet.csv": (_of(b"PK\x03\x04" + bytes(100)), "error: sheet.csv is an Excel file or a ZIP archive"),
    "empty.csv": (_of(""), "error: empty.csv is empty"),
    "only-header.csv": (_of("time,v\n"), "error: only-header.csv has no records"),
    "folder": (_folder, "is a folder"),
    "pipe": (_fifo, "pipe is a pipe"),
    "link.csv": (_link, "is a link to a file that does not exist"),
    "unreadable.csv": (_unreadable, "unreadable.csv cannot be opened: Permission denied"),
    "ends-within.jsonl": (_of(f'{{"time": "{TIME}"}}\n' * 3 + '{"time": "20'), "records: 3"),
    "ends-within.csv": (_of(f"time,v\n{TIME},1\n{TIME}"), "records: 1"),
    "invalid-line.jsonl": (_of(f'{{"t": "é {TIME}"}}\n'.encode() * 3 + b'{"t": "\xff"}\n'), "records: 3"),
    "bomb.csv.gz": (_of(gzip.compress(b"1,2\n" * 50 * MEBIBYTES, 1)), ""),
    "cut.csv.gz": (_of(gzip.compress(b"time,v\n" + os.urandom(1000))[:-20]), "error: cut.csv.gz cannot be unpacked"),
    "half.parquet": (_of(b"PAR1" + bytes(1000)), "error: half.parquet cannot be read"),
    "quotes.csv": (_of("time,v\n" + f'{TIME},"1\n' * 20_000), "with another number of fields, or broken"),
    "delimiters.csv": (_of(",;|\t" * MEBIBYTES), "error: "),
}


def read(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env={"PYTHONPATH": str(PROJECT_ROOT), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize("name", CASES)
def test_a_hostile_sample_gets_one_message_or_a_draft(name: str, tmp_path: Path) -> None:
    make, said = CASES[name]
    make(tmp_path / name)
    answer = read(tmp_path / name)
    assert said in answer
    assert answer.startswith(("error: ", "records: "))


@pytest.mark.skipif(sys.platform != "linux", reason="devices are Linux's")
def test_a_device_is_no_sample() -> None:
    assert read(Path("/dev/zero")) == "error: /dev/zero is a device.\n"


BASES = [
    "time;v\n" + f"{TIME};1,5\n" * 5,
    f'"TOA5","a","b"\n"TS","v","w"\n"TS","C","%"\n"","Avg","Avg"\n"{TIME}",1,2\n"{TIME}",1,2\n',
    f"#group,false\n#datatype,string,double\n,_time,_value\n,{TIME},1.5\n\n#group,false\n,_time,_value\n,{TIME},1.5\n",
    f"# note\nStation: 7\n\ntime,v,\n,C,\n{TIME},1,\n{TIME},2,\nTotal,3,\n",
    json.dumps([{"time": TIME, "v": [1, {"a": None}]}] * 3, indent=1),
    f'{{"time": "{TIME}", "v": NaN}}\n' * 4,
]
PIECES = [
    b'"',
    b"\n",
    b",",
    b";",
    b"\r\n",
    b"\0",
    b"\xff",
    b"#",
    b"{",
    b"[",
    b"}",
    b"\t",
    b"  ",
    b"\xe2\x82",
    b"\n\n",
    b"|",
    b"|",
]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(BASES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES), st.integers(0, 3)),
        min_size=1,
        max_size=5,
    ),
)
def test_whatever_happened_to_a_file_it_is_read_or_refused(
    base: str, edits: list[tuple[float, int, bytes, int]]
) -> None:
    content = base.encode()
    for place, removed, piece, times in edits:
        at = int(place * len(content))
        content = content[:at] + piece * times + content[at + removed :]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "s.txt")
        file.write_bytes(content)
        try:
            sample = read_sample([file])
        except ConfigurationError as error:
            assert error.remedy
        else:
            assert sample.records
            assert all(sample.records)
