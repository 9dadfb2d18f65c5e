"""faucet-stream's command line (https://crates.io/crates/faucet-cli): compiled once by cargo, where there is one, and run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from benchmarks.environment import CONTENDERS
from etl.services.process import write_private
from etl.settings import PROJECT_ROOT

VERSION = "1.0.1"
FEATURES = ("source-kafka", "sink-postgres", "sink-jsonl", "transforms", "quality")
HOME = PROJECT_ROOT / ".services" / "benchmarks" / f"faucet-{VERSION}"
OPTIONS = CONTENDERS / "faucet.yaml"
_REFUSED = "refused.jsonl"


def versions() -> dict[str, str]:
    return {"faucet-cli": VERSION}


def ensure() -> Path | None:
    """Compile it, with the dependencies that its authors locked, if it is not there yet; returns the program.

    :return: None without cargo, or where it cannot be compiled; says so on the terminal.
    """
    program = HOME / "bin" / "faucet"
    if program.exists():
        return program
    cargo = shutil.which("cargo")
    if cargo is None:
        sys.stderr.write(
            f"faucet-stream does not take part: cargo (Rust 1.94 or newer) is needed to compile faucet-cli {VERSION}\n"
        )
        return None
    sys.stderr.write("compiling faucet-stream (once, some minutes)\n")
    what = ["install", "--locked", f"faucet-cli@{VERSION}", "--no-default-features", "--features", ",".join(FEATURES)]
    done = subprocess.run([cargo, *what, "--quiet", "--root", HOME], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(
            f"faucet-stream does not take part: cargo ended with {done.returncode}: {done.stderr[-1500:]}\n"
        )
        return None
    return program


def command(program: Path | None, home: Path, names: Mapping[str, str]) -> list[str]:
    """Write the pipeline into a folder, and return the command that runs it, in this folder, until it has read all messages.

    The database's URL is in DATABASE_URL when it runs, and in no file.

    :param names: values of BOOTSTRAP, TOPIC, TABLE and MESSAGES.
    :raises RuntimeError: there is no program.
    """
    if program is None:
        raise RuntimeError("It was not compiled: cargo is missing, or failed.")
    file = home / "faucet.yaml"
    write_private(file, Template(OPTIONS.read_text("utf-8")).substitute(names))
    return [str(program), "run", str(file)]


def refused(home: Path) -> int:
    """How many messages its checks have kept out."""
    file = home / _REFUSED
    return file.read_bytes().count(b"\n") if file.exists() else 0
