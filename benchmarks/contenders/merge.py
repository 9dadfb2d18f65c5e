"""Join part-CSVs into one file, with the header once and every field unchanged; prints seconds as JSON.

`python merge.py pandas|polars|duckdb|cat FOLDER TARGET`
"""

import json
import shutil
import sys
import time
from pathlib import Path


def pandas(parts, target):
    import pandas as pd

    # Text stays text: a number may look different after it is parsed and written again.
    frames = [pd.read_csv(part, dtype=str, keep_default_na=False) for part in parts]
    pd.concat(frames, ignore_index=True).to_csv(target, index=False)


def polars(parts, target):
    import polars as pl

    pl.scan_csv(parts, infer_schema=False).sink_csv(target)


def duckdb(parts, target):
    import duckdb

    names = ", ".join(f"'{part}'" for part in parts)
    duckdb.sql(
        f"COPY (FROM read_csv([{names}], all_varchar = true, header = true)) TO '{target}' (HEADER, DELIMITER ',')"
    )


def cat(parts, target):
    with target.open("wb") as sink:
        for number, part in enumerate(parts):
            with part.open("rb") as source:
                header = source.readline()
                if number == 0:
                    sink.write(header)
                shutil.copyfileobj(source, sink, 4 << 20)


TOOLS = {"pandas": pandas, "polars": polars, "duckdb": duckdb, "cat": cat}

if __name__ == "__main__":
    tool, folder, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    parts = sorted(folder.glob("part-*.csv"))
    if tool != "cat":
        __import__(tool)
    began = time.perf_counter()
    TOOLS[tool](parts, target)
    print(json.dumps({"seconds": time.perf_counter() - began}))
