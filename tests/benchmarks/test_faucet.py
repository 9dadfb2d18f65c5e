"""faucet-stream as a contender: its settings, and what happens where it cannot be compiled."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from benchmarks import faucet

NAMES = {"BOOTSTRAP": "127.0.0.1:9", "TOPIC": "t", "TABLE": "readings", "MESSAGES": "12"}


def test_the_pipeline_reads_this_many_messages_and_has_no_password(tmp_path: Path) -> None:
    command = faucet.command(Path("faucet"), tmp_path, NAMES)
    file = Path(command[-1])
    assert (command[:2], stat.S_IMODE(file.stat().st_mode)) == (["faucet", "run"], 0o600)
    pipeline = yaml.safe_load(file.read_text("utf-8"))["pipeline"]
    source, sink = pipeline["source"]["config"], pipeline["sink"]["config"]
    assert (source["brokers"], source["topics"], source["max_messages"]) == ("127.0.0.1:9", ["t"], 12)
    assert sink["connection_url"].startswith("${env:DATABASE_URL}?")
    assert sink["table_name"] == "readings"


def test_without_cargo_it_is_left_out_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faucet, "HOME", tmp_path / "faucet")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert faucet.ensure() is None
    assert "does not take part: cargo" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="not compiled"):
        faucet.command(None, tmp_path, NAMES)


def test_where_it_cannot_be_compiled_it_is_left_out_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faucet, "HOME", tmp_path / "faucet")
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\necho no libsasl2 >&2\nexit 101\n")
    cargo.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert faucet.ensure() is None
    assert "no libsasl2" in capsys.readouterr().err


def test_what_its_checks_keep_out_is_counted(tmp_path: Path) -> None:
    assert faucet.refused(tmp_path) == 0
    (tmp_path / "refused.jsonl").write_text("{}\n{}\n")
    assert faucet.refused(tmp_path) == 2
