"""The examples for cron and systemd (`docs/examples/`), with the folder, Python, user and feed of a project."""

from __future__ import annotations

import re
from pathlib import Path

from etl.settings.packaged import packaged

FILES = ("crontab", "etl.service", "etl.timer", "etl-schedule.service")
_FOLDER = "/opt/notebook-etl"
_PYTHON = ".venv/bin/python"
_FEED = "sensor_readings"


def scheduling_files(folder: Path, python: str, user: str, feed: str) -> dict[str, str]:
    """File name → content.

    :param python: the absolute path of the Python that has the package.
    """
    texts = {name: packaged("examples", name).read_text("utf-8").replace(f" {_FEED} ", f" {feed} ") for name in FILES}
    return {
        name: _crontab(text, folder, python) if name == "crontab" else _unit(text, folder, python, user)
        for name, text in texts.items()
    }


def _crontab(text: str, folder: Path, python: str) -> str:
    """Paths are in variables, because cron reads a percent sign in a command as the end of its line."""
    variables = f"PROJECT={_quoted(str(folder))}\nETL_HOME={_quoted(str(folder))}\nPYTHON={_quoted(python)}"
    text = text.replace("docs/examples/crontab", "scheduling/crontab").replace(", after adapting the path", "")
    return text.replace(_PYTHON, '"$PYTHON"').replace(f"PROJECT={_FOLDER}", variables)


def _quoted(value: str) -> str:
    """A value of a crontab's variable: cron removes one pair of quotes, and knows no escapes."""
    return f"'{value}'" if '"' in value else f'"{value}"'


def _unit(text: str, folder: Path, python: str, user: str) -> str:
    home = f"Environment={_word(f'ETL_HOME={folder}')}"
    settings = f"# Settings are in .env there.\n{home}"
    text = re.sub(r"# ETL_KAFKA_BOOTSTRAP.*\nEnvironmentFile=.*", lambda _: settings, text)
    text = text.replace(f"{_FOLDER}/{_PYTHON}", _word(python)).replace("User=etl\n", f"User={user}\n")
    return text.replace(f"WorkingDirectory={_FOLDER}", f"WorkingDirectory={_specifiers(str(folder))}")


def _word(value: str) -> str:
    """A value as one word of a unit, which has specifiers (%h), variables ($HOME), quotes and escapes."""
    escaped = _specifiers(value).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^\w./=%$@:+,-]", value) else escaped


def _specifiers(value: str) -> str:
    return value.replace("%", "%%")
