from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.errors import ParameterError
from etl.notebook.parameters import divide_parameters, notebook_parameters, parse_value
from etl.settings import Settings


def test_each_parameter_goes_to_the_notebooks_that_have_it(settings: Settings) -> None:
    divided = divide_parameters(settings, {"messages": 5, "time_box_seconds": 30})
    assert divided == {"produce": {"messages": 5}, "consume": {"time_box_seconds": 30}, "merge": {}, "load": {}}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mesages", 5, "No notebook has a parameter 'mesages'"),
        ("feed", "x", "No notebook has a parameter 'feed'"),
        ("messages", "many", "'messages' of 1_produce is 'many'; it must be int"),
        ("messages", 1.5, "must be int"),
        ("messages", True, "must be int"),
        ("time_box_seconds", True, "must be float"),
        ("until", 3, "must be str"),
    ],
)
def test_unknown_and_mistyped_parameters_are_refused(settings: Settings, name: str, value: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        divide_parameters(settings, {name: value})


def test_a_notebook_without_a_parameters_cell_is_refused(tmp_path: Path) -> None:
    notebook = tmp_path / "own.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "metadata": {}, "source": ["x = 1"]}]}))
    with pytest.raises(ParameterError, match=r"own\.ipynb has no cell tagged `parameters`"):
        notebook_parameters(notebook)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON object with cells"),
        ("[]", "is no JSON object with cells"),
        (
            '{"cells": [{"metadata": {"tags": ["parameters"]}, "source": ["x = 1\\n", "y: int ="]}]}',
            "line 2 of the cell",
        ),
    ],
)
def test_a_notebook_that_cannot_be_read_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "own.ipynb").write_text(content, "utf-8")
    with pytest.raises(ParameterError, match=said) as refused:
        notebook_parameters(tmp_path / "own.ipynb")
    assert "upgrade-notebooks own --write" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("0.5", 0.5), ("true", True), ("time_box", "time_box"), ("'5'", "5"), ("2025-06-15", "2025-06-15")],
)
def test_values_of_the_command_line_get_their_type(text: str, value: Any) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)
