"""The dashboards as people see them, in the system's Chromium."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, HttpCredentials, expect

from etl.services.superset import assets
from etl.settings import PROJECT_ROOT
from tests.conftest import TO_TELL
from tests.superset.browser import NAMES, WIDTHS, Dashboard, asks_for, browsing, find_chromium, sign_in
from tests.superset.conftest import Site

DASHBOARDS = assets.read(assets.FOLDER).documents("dashboards")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip(f"NO DASHBOARD IS LOOKED AT: no browser was found ({', '.join(NAMES)}).")
    with browsing(executable) as found:
        yield found


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("ETL_TEST_ARTIFACTS")
    return Path(given) if given else tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def windows(site: Site, browser: Browser) -> Callable[[str], BrowserContext]:
    """A window of each user, who signs in once: the scripts of its pages are fetched once, too."""
    return functools.cache(lambda user: sign_in(browser, site.service.endpoint, user, site.passwords[user]))


Opens = Callable[..., Dashboard]


@pytest.fixture
def opens(
    site: Site, windows: Callable[[str], BrowserContext], record_property: Callable[[str, object], None]
) -> Iterator[Opens]:
    """Opens the page of a dashboard; the pages are left at the end of the test."""
    opened = []

    def open_page(document: dict[str, Any], *, user: str = "viewer", width: int = WIDTHS[-1]) -> Dashboard:
        url = f"{site.service.endpoint}/superset/dashboard/{document['slug']}/"
        page = Dashboard(windows(user), url, charts_of(document), width=width)
        opened.append(page)
        page.wait_until_drawn()
        return page

    yield open_page
    for page in opened:
        page.leave()
        for state in page.loaded_again:
            record_property(TO_TELL, f"A page was loaded once more: {state}")


def charts_of(dashboard: dict[str, Any]) -> int:
    return sum(isinstance(item, dict) and item["type"] == "CHART" for item in dashboard["position"].values())


def filters_of(dashboard: dict[str, Any]) -> list[str]:
    found = dashboard["metadata"].get("native_filter_configuration") or []
    return [entry["name"] for entry in found if entry["filterType"] == "filter_select"]


@pytest.mark.parametrize("path", sorted(DASHBOARDS))
def test_a_dashboard_shows_every_chart_without_an_error(opens: Opens, artifacts: Path, path: str) -> None:
    require_whole(opens(DASHBOARDS[path], width=WIDTHS[0]), artifacts / f"{Path(path).stem}-{WIDTHS[0]}.png")


def require_whole(page: Dashboard, picture: Path) -> None:
    page.screenshot(picture)
    assert page.errors() == []
    assert page.empty() == []
    assert page.failed == []


@pytest.mark.parametrize("path", sorted(path for path, document in DASHBOARDS.items() if filters_of(document)))
def test_a_filter_reaches_the_charts(opens: Opens, artifacts: Path, path: str) -> None:
    page = opens(DASHBOARDS[path])
    require_whole(page, artifacts / f"{Path(path).stem}-{WIDTHS[-1]}.png")
    page.choose()
    page.wait_until_drawn()
    page.screenshot(artifacts / f"{Path(path).stem}-filtered.png")
    assert page.errors() == []


@pytest.mark.postgresql
def test_a_failed_cycle_appears_with_its_cause_without_loading_the_page_again(site: Site, opens: Opens) -> None:
    page = opens(next(found for found in DASHBOARDS.values() if found["slug"] == "etl-health"))
    assert page.page.get_by_text("failureBudget").count(), "the cycle that failed for good"
    with failed_job(site, "Sensor room is on fire"):
        page.page.get_by_text("Sensor room is on fire").first.wait_for()


@contextmanager
def failed_job(site: Site, cause: str) -> Iterator[None]:
    """Another failed job, of now: a copy of the one that failed."""
    change = {"log_id": 10**9, "cycle_id": "20990101T000000Z-new", "error_message": cause}
    query = """
        INSERT INTO etl_log
        SELECT (jsonb_populate_record(job, %s::jsonb || jsonb_build_object('start_time', now(), 'end_time', now()))).*
        FROM etl_log AS job WHERE status = 'FAILED' LIMIT 1
    """
    with site.connect() as connection:
        connection.execute(query, (json.dumps(change),))
        try:
            yield
        finally:
            connection.execute("DELETE FROM etl_log WHERE log_id = %s", (change["log_id"],))


def test_from_the_tile_of_failed_jobs_one_click_leads_to_the_cell_that_failed(
    site: Site, browser: Browser, artifacts: Path
) -> None:
    document = next(found for found in DASHBOARDS.values() if found["slug"] == "etl-health")
    (token,) = re.findall(r"\betl_[\w-]{30,}", site.etl("api", "token", "new", "a browser").stdout)
    with serving_api(site) as address:
        site.etl("init", ETL_API_URL=address)
        try:
            entered: HttpCredentials = {"username": "anybody", "password": token, "origin": address}
            url = site.service.endpoint
            window = sign_in(browser, url, "viewer", site.passwords["viewer"], entered)
            page = Dashboard(window, f"{url}/superset/dashboard/{document['slug']}/", charts_of(document), width=1920)
            page.wait_until_drawn()
            tile = page.holders().filter(has_text="Failed jobs, newest first")
            with window.expect_page() as opened:
                tile.get_by_role("link", name="4_load.ipynb").first.click()
            opened.value.wait_for_load_state()
            cell = opened.value.locator("#failed")
            expect(cell).to_be_in_viewport()
            expect(cell).to_contain_text("failureBudget")
            opened.value.screenshot(path=artifacts / "failed-cell.png")
            assert page.errors() == [], "the dashboard stays as it was"
            page.leave()
        finally:
            # The others show the file of the notebook, as where no address is set.
            site.etl("init")


@contextmanager
def serving_api(site: Site) -> Iterator[str]:
    """The read API of a home, on a free port; its address."""
    command = [sys.executable, "-m", "etl", "api"]
    env = {**site.env, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=env, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            # The line comes when the port is open; without one the server has ended.
            yield next(found[1] for line in server.stdout if (found := re.search(r"listens on (http://\S+?);", line)))
        finally:
            server.terminate()


def test_from_a_cycle_a_click_leads_to_its_rejected_rows(site: Site, opens: Opens) -> None:
    page = opens(next(found for found in DASHBOARDS.values() if found["slug"] == "etl-health"))
    cycles, rejected = (
        page.holders().filter(has_text=title) for title in ("Cycles, newest first", "Rejected rows, newest first")
    )
    # The oldest: without the filter, its rows are behind those of the others.
    (name,) = site.sql("SELECT MIN(cycle_id) FROM v_etl_rejects")[0]
    # Other requests are of the page, which loads its charts again from time to time.
    with page.page.expect_response(lambda answer: asks_for(answer.request, name)):
        cycles.locator("td", has_text=name).first.click()
    page.wait_until_drawn()
    of_any_cycle = rejected.locator("td").filter(has_text=re.compile(r"^\d{8}T\d{6}Z-"))
    expect(rejected.locator("td", has_text=name).first).to_be_visible()
    expect(of_any_cycle.filter(has_not_text=name)).to_have_count(0)
    assert page.errors() == []


def test_a_viewer_is_not_offered_to_edit_and_an_admin_is(opens: Opens) -> None:
    document = next(iter(DASHBOARDS.values()))
    pages = {user: opens(document, user=user, width=WIDTHS[0]) for user in ("viewer", "admin")}
    offered = {user: page.page.locator('[data-test="edit-dashboard-button"]').count() for user, page in pages.items()}
    assert offered == {"viewer": 0, "admin": 1}


def test_after_signing_in_the_list_names_every_dashboard(
    site: Site, windows: Callable[[str], BrowserContext], artifacts: Path
) -> None:
    page = windows("viewer").new_page()
    page.goto(f"{site.service.endpoint}/dashboard/list/")
    for document in DASHBOARDS.values():
        page.get_by_role("link", name=document["dashboard_title"]).first.wait_for()
    page.screenshot(path=artifacts / "list.png")
