"""Executed notebooks as pages: of real cycles, of files that were changed, and of names that lead elsewhere."""

from __future__ import annotations

import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlparse

import httpx
import pytest

from etl.audit.states import NOTEBOOKS, Job
from etl.notebook.page.render import POLICY
from tests.support.api import Api, api, new_token
from tests.support.executed import Page, code, display, notebook
from tests.support.stack import Project

__all__ = ["api"]

NO_KAFKA = {"ETL_KAFKA_BOOTSTRAP": "127.0.0.1:9", "ETL_KAFKA_TIMEOUT_SECONDS": "1"}
SECRET = "not-for-anybody"


@pytest.fixture
def token(project: Project) -> str:
    return new_token(project.settings)


def run_cycle(project: Project, *, fail: bool = False) -> str:
    """A real cycle; its id."""
    project.etl("run", *([] if fail else ["--messages", "50"]), expect=1 if fail else 0, **(NO_KAFKA if fail else {}))
    return str(project.log()[-1]["cycle_id"])


def show(api: Api, cycle: str, job: str, token: str) -> httpx.Response:
    return api.get(f"/cycles/{cycle}/notebooks/{job}", token)


def test_each_notebook_of_a_cycle_has_a_page_until_its_file_is_changed(api: Api, token: str) -> None:
    project = api.project
    cycle = run_cycle(project)
    for row in project.log():
        copy = project.home / row["notebook"]
        assert row["executed_sha256"] == sha256(copy.read_bytes()).hexdigest()
        assert row["executed_sha256"] != row["notebook_sha256"]
        answer = show(api, cycle, row["job_name"], token)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"] == f"{POLICY}; frame-ancestors 'none'"
        page = Page(answer.text)
        assert f"sensor_readings · {row['job_name']} SUCCESS · cycle {cycle}" in page.text()
        assert "was changed" not in page.text()
        assert "The cell that failed" not in page.text()
        assert cycle in page.text().partition("Parameters")[2], "the notebook has it as a parameter"

    changed = project.home / "output" / "runs" / cycle / "4_load.ipynb"
    changed.write_bytes(changed.read_bytes().replace(b"Validates", b"Invalidates"))
    text = Page(show(api, cycle, "load", token).text).text()
    assert "This file was changed after its cycle had ended" in text
    assert "Invalidates" in text
    changed.unlink()
    answer = show(api, cycle, "load", token)
    assert answer.status_code == 404
    assert "is not in output/runs" in answer.json()["detail"]
    changed.write_text("no notebook", "utf-8")
    assert show(api, cycle, "load", token).status_code == 404


def test_a_failed_cycle_s_page_leads_to_the_cell_and_its_cause(api: Api, token: str) -> None:
    cycle = run_cycle(api.project, fail=True)
    (row,) = api.project.log()
    page = Page(show(api, cycle, "produce", token).text)
    places = page.around_each("did not answer within 1 s")
    assert places
    assert all("failed" in place for place in places)
    assert f"produce FAILED · cycle {cycle}" in page.text()
    assert "was changed" not in page.text()
    assert row["executed_sha256"] is not None
    answer = show(api, cycle, "load", token)
    assert (answer.status_code, answer.json()["detail"]) == (404, f"There is no job load of a cycle '{cycle}'.")


def test_a_job_that_was_run_by_hand_has_no_page(api: Api, token: str) -> None:
    api.project.cycle(20)
    cycle = api.project.log()[-1]["cycle_id"]
    assert {row["executed_sha256"] for row in api.project.log()} == {None}
    assert show(api, cycle, "load", token).status_code == 404


def test_the_page_of_a_copy_whose_sum_is_not_recorded_says_so(api: Api, token: str) -> None:
    """As of a cycle that papermill ran alone."""
    api.project.cycle(20)
    cycle = api.project.log()[-1]["cycle_id"]
    write(api.project, cycle, notebook(code("x", display(text__html="<script>alert(1)</script><b>shown</b>"))))
    answer = show(api, cycle, "load", token)
    assert "whether it was changed is not known" in Page(answer.text).text()
    assert "<script" not in answer.text
    assert "<b>shown</b>" in answer.text


def write(project: Project, cycle: str, content: bytes, job: Job = Job.LOAD) -> Path:
    file = project.settings.runs / cycle / f"{NOTEBOOKS[job]}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


# --- who asks for what is not theirs ----------------------------------------------------------------------------------

ELSEWHERE = [
    *("/cycles/..%2f..%2fnotebooks/notebooks/load", "/cycles/%2e%2e/notebooks/load", "/cycles/.%2e%2f/notebooks/load"),
    *("/cycles/%2fetc/notebooks/load", "/cycles/..%5c..%5cetc/notebooks/load", "/cycles/%c0%ae%c0%ae/notebooks/load"),
    *("/cycles/{cycle}%00/notebooks/load", "/cycles/{cycle}%0a/notebooks/load", "/cycles/{cycle}%20/notebooks/load"),
    *(
        "/cycles/{cycle}/notebooks/..%2f..%2f..%2f4_load",
        "/cycles/{cycle}/notebooks/load%00",
        "/cycles/{cycle}/notebooks/4_load",
    ),
    *("/cycles/{cycle}/notebooks/LOAD", "/cycles/{cycle}/notebooks/load.ipynb", "/cycles/{cycle}/notebooks/load%2f"),
    *("/cycles/{cycle}/../{cycle}/notebooks/%2e%2e", "/cycles//notebooks/load", "/cycles/linked/notebooks/load"),
    "/cycles/{cycle}/notebooks/load%0d%0aSet-Cookie:%20a=b",
    "/cycles/x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>/notebooks/load",
    "/cycles/" + "x" * 5_000 + "/notebooks/load",
    "/cycles/'%20OR%201=1%20--/notebooks/load",
]


def test_no_name_leads_out_of_the_folder_or_into_a_header(api: Api, token: str) -> None:
    project = api.project
    project.cycle(20)
    cycle = project.log()[-1]["cycle_id"]
    content = notebook(code("x", display(text__plain=SECRET)))
    places = [project.home, project.home / "output", project.home / "output" / "4_load", project.home.parent]
    for place in places:
        place.mkdir(exist_ok=True)
        (place / "4_load.ipynb").write_bytes(content)
    project.settings.runs.mkdir(parents=True, exist_ok=True)
    (project.settings.runs / "linked").symlink_to(project.home)
    answers = {
        path: api.get(path.format(cycle=cycle), token) for path in [*ELSEWHERE, "/cycles/{cycle}/notebooks/load"]
    }
    for path, answer in answers.items():
        assert answer.status_code in (404, 422), path
        assert SECRET not in answer.text, path
        assert "set-cookie" not in answer.headers, path
        assert answer.headers["content-type"] == "application/problem+json", path
    # Were it in the folder, it would be shown.
    write(project, cycle, content)
    assert SECRET in show(api, cycle, "load", token).text
    (project.settings.runs / cycle / "4_load.ipynb").unlink()
    (project.settings.runs / cycle / "4_load.ipynb").symlink_to(project.home / "4_load.ipynb")
    assert show(api, cycle, "load", token).status_code == 404


def test_nobody_sees_a_page_without_a_token(api: Api) -> None:
    answer = api.get("/cycles/c-1/notebooks/load")
    assert answer.status_code == 401
    # So that a browser asks for one.
    assert "Basic" in answer.headers["www-authenticate"]


# --- explain --open ---------------------------------------------------------------------------------------------------


def with_browser(project: Project, tmp_path: Path) -> tuple[Project, Path]:
    """The project with a browser that only writes down what it is to open, and where it does."""
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n', "utf-8")
    program.chmod(0o700)
    return replace(project, env={**project.env, "BROWSER": str(program)}), opened


def test_explain_opens_the_notebook_that_failed(project: Project, tmp_path: Path) -> None:
    cycle = run_cycle(project, fail=True)
    looking, opened = with_browser(project, tmp_path)
    said = looking.etl("explain", cycle, "--open")
    address = opened.read_text("utf-8")
    assert f"Page: {address}" in said.stdout
    assert "produce ended FAILED" in said.stdout
    place = urlparse(address)
    assert (place.scheme, place.fragment) == ("file", "failed")
    file = Path(unquote(place.path))
    try:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert all(
            "failed" in place for place in Page(file.read_text("utf-8")).around_each("did not answer within 1 s")
        )
    finally:
        file.unlink()

    served = looking.etl("explain", cycle, "--open", ETL_API_URL="http://127.0.0.1:9/etl/")
    address = f"http://127.0.0.1:9/etl/cycles/{cycle}/notebooks/produce#failed"
    assert opened.read_text("utf-8") == address
    assert f"Page: {address}" in served.stdout


def test_explain_says_where_no_notebook_can_be_opened(project: Project, tmp_path: Path) -> None:
    project.cycle(20)
    looking, opened = with_browser(project, tmp_path)
    said = looking.etl("explain", project.log()[-1]["cycle_id"], "--open", expect=2)
    assert "is not in output/runs" in said.stderr
    assert not opened.exists()
