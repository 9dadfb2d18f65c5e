"""The dashboards as people see them, in the system's Chromium."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Request

from etl.services.superset import assets
from tests.conftest import TO_TELL
from tests.superset.browser import NAMES, WIDTHS, Dashboard, browsing, find_chromium, sign_in
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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", sorted(DASHBOARDS))
def test_a_dashboard_shows_every_chart_without_an_error(opens: Opens, artifacts: Path, path: str, width: int) -> None:
    page = opens(DASHBOARDS[path], width=width)
    page.screenshot(artifacts / f"{Path(path).stem}-{width}.png")
    assert page.errors() == []
    assert page.empty() == []
    assert page.failed == []


@pytest.mark.parametrize("path", sorted(path for path, document in DASHBOARDS.items() if filters_of(document)))
def test_a_filter_reaches_the_charts(opens: Opens, artifacts: Path, path: str) -> None:
    page = opens(DASHBOARDS[path])
    asked: list[Request] = []
    page.page.on("request", lambda request: asked.append(request) if "/chart/data" in request.url else None)
    value = page.choose()
    page.wait_until_drawn()
    page.screenshot(artifacts / f"{Path(path).stem}-filtered.png")
    assert page.errors() == []
    assert [request for request in asked if f'"{value}"' in (request.post_data or "")], value


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
