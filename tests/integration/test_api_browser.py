"""Pages of executed notebooks in the system's Chromium: the cell that failed is in view, and nothing in them acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from etl.audit.states import NOTEBOOKS, Job
from tests.superset.browser import NAMES, PATIENCE_MS, browsing, find_chromium
from tests.support.api import Api, api, new_token
from tests.support.executed import code, display, error, markdown, notebook, stream
from tests.support.hostile_html import HOSTILE, OF_MARKDOWN, UNENDED

__all__ = ["api"]

MARK = re.compile("The cell that failed: In ")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip(f"NO PAGE OF A NOTEBOOK IS LOOKED AT: no browser was found ({', '.join(NAMES)}).")
    with browsing(executable) as found:
        yield found


@pytest.fixture
def window(browser: Browser, api: Api) -> Iterator[BrowserContext]:
    """A window whose user answers the browser's question for a password with a token."""
    login: Any = {"username": "somebody", "password": new_token(api.project.settings, "browser")}
    context = browser.new_context(http_credentials=login, viewport={"width": 1000, "height": 700})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


class Seen:
    """What a page did: what it asked for, what it said, and whether a script has opened a dialog."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", self._dismiss)
        page.on("pageerror", lambda problem: self.errors.append(str(problem)))

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def run_failing_cycle(api: Api) -> str:
    api.project.etl("run", expect=1, ETL_KAFKA_BOOTSTRAP="127.0.0.1:9", ETL_KAFKA_TIMEOUT_SECONDS="1")
    return str(api.project.log()[-1]["cycle_id"])


def replace_notebook(api: Api, cycle: str, *cells: dict[str, Any]) -> None:
    file = api.project.settings.runs / cycle / f"{NOTEBOOKS[Job.PRODUCE]}.ipynb"
    file.write_bytes(notebook(*cells))


def test_the_cell_that_failed_is_in_view_at_once(api: Api, window: BrowserContext) -> None:
    cycle = run_failing_cycle(api)
    page = window.new_page()
    page.goto(f"{api.url}/cycles/{cycle}/notebooks/produce#failed")
    expect(page.locator("#failed")).to_be_in_viewport()
    expect(page.locator("#failed")).to_contain_text("did not answer within 1 s")
    expect(page.get_by_role("link", name=MARK)).to_be_in_viewport()
    expect(page.locator(".warning")).to_have_count(0)


def test_it_is_in_view_also_below_many_cells_and_the_warning_stays(api: Api, window: BrowserContext) -> None:
    cycle = run_failing_cycle(api)
    above = [code(f"cell_{number} = 1", stream("a line\n" * 30), number=number) for number in range(1, 30)]
    below = [code("later()", number=None)] * 10
    replace_notebook(api, cycle, *above, code("broken()", error("OSError", "the disk is full"), number=30), *below)
    for fragment in ("", "#failed"):
        page = window.new_page()
        page.goto(f"{api.url}/cycles/{cycle}/notebooks/produce{fragment}")
        require_failed_cell_in_view(page)


def require_failed_cell_in_view(page: Page) -> None:
    expect(page.locator("#failed")).to_be_in_viewport(ratio=1)
    expect(page.locator("#failed")).to_contain_text("the disk is full")
    expect(page.locator(".warning")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("cell_1 = 1", exact=True).first).not_to_be_in_viewport()
    # The head does not cover what it leads to.
    head, cell = page.locator("header").bounding_box(), page.locator("#failed").bounding_box()
    assert head and cell
    assert cell["y"] >= head["y"] + head["height"]
    page.evaluate("window.scrollTo(0, 0)")
    expect(page.locator("#failed")).not_to_be_in_viewport()
    page.get_by_role("link", name=MARK).click()
    expect(page.locator("#failed")).to_be_in_viewport(ratio=1)


def test_nothing_in_a_hostile_notebook_acts_in_a_browser(api: Api, window: BrowserContext) -> None:
    cycle = run_failing_cycle(api)
    texts = [*HOSTILE, *OF_MARKDOWN, *UNENDED]
    cells = [cell for text in texts for cell in (markdown(text), code("x", display(text__html=text), stream(text)))]
    svg = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script><rect width='9' height='9'/></svg>"
    drawing = code("y", display(**{"image__svg+xml": svg}))
    replace_notebook(api, cycle, *cells, drawing, code("broken()", error("OSError", "the disk is full")))
    page = window.new_page()
    seen = Seen(page)
    address = f"{api.url}/cycles/{cycle}/notebooks/produce"
    page.goto(address, wait_until="networkidle")
    expect(page.locator("#failed")).to_be_in_viewport()
    expect(page.locator("#failed")).to_contain_text("the disk is full")
    addresses = [link.get_attribute("href") for link in page.locator("main a[href]").all()]
    assert [each for each in addresses if not str(each).startswith(("http://", "https://"))] == []
    assert [asked for asked in seen.asked if asked != address and not asked.startswith("data:image/")] == []
    assert (seen.dialogs, seen.errors) == ([], [])
    assert page.url == address
    assert (
        page.locator("main :is(script, style, iframe, form, input, object, embed, svg, video, link, meta)").count() == 0
    )
