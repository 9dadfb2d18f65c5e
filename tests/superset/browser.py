"""Chromium on a dashboard: signs in, waits until every chart is drawn, and finds errors and empty charts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    HttpCredentials,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeout

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (1280, 1920)
HEIGHT = 1200
# Pages that ask other hosts find nobody. Playwright's routes would do that too, but turn the browser's cache off.
_NOBODY = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# Chromium may never answer when a page is closed that is still on its way to an address; so pages only become empty.
_EMPTY = "about:blank"
_HOLDER = '[data-test="dashboard-component-chart-holder"]'
_BUSY = '.loading, [data-test="loading-indicator"]'
_DRAWN_SECONDS = 240.0
PATIENCE_MS = 1000 * _DRAWN_SECONDS
"""How long pages are waited for: how long they take says more about the machine than about them."""
_STUCK_SECONDS = 60.0
_SUBMITTED_SECONDS = 30.0
_POLL_SECONDS = 0.25
_CALM_POLLS = 3
_ANIMATION_MS = 1500.0


def find_chromium() -> str | None:
    """The system's Chromium or Chrome."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


# For all tests with a browser: each of them takes `browsing` from here.
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def browsing(executable: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--host-resolver-rules={_NOBODY}",
        ]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(
    browser: Browser, url: str, username: str, password: str, credentials: HttpCredentials | None = None
) -> BrowserContext:
    """A window in which a user has signed in.

    :param credentials: what the user enters where another page asks for a name and a password.
    """
    context = browser.new_context(timezone_id="UTC", locale="en-GB", http_credentials=credentials)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    # Before the page's scripts have all been run, a click on the button can be lost.
    page.goto(f"{url}/login/", wait_until="networkidle")
    try:
        _submit(page, username, password, seconds=_SUBMITTED_SECONDS)
    except PlaywrightTimeout:
        # Nothing has left the page: a person would press the button once more.
        _submit(page, username, password, seconds=_DRAWN_SECONDS)
    page.wait_for_load_state()
    page.goto(_EMPTY)
    return context


def _submit(page: Page, username: str, password: str, *, seconds: float) -> None:
    page.fill("#username", username)
    page.fill("#password", password)
    page.click('[data-test="login-button"]')
    page.wait_for_url(lambda where: "/login" not in where, wait_until="commit", timeout=1000 * seconds)


class Dashboard:
    """A dashboard's page."""

    def __init__(self, context: BrowserContext, url: str, charts: int, *, width: int) -> None:
        self.page: Page = context.new_page()
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.charts = charts
        self.failed: list[str] = []
        """Requests to Superset that were answered with an error."""
        self.loaded_again: list[str] = []
        """How far the page had come each time it had to be loaded once more."""
        self._base = url.partition("/superset/")[0]
        self._said: list[str] = []
        self._open: dict[Request, float] = {}
        self.page.on("response", self._note)
        self.page.on("request", self._asks)
        self.page.on("requestfinished", self._ends)
        self.page.on("requestfailed", self._ends)
        self.page.on("console", self._complains)
        self.page.on("pageerror", lambda error: self._said.append(str(error)))
        self.page.goto(url)

    def leave(self) -> None:
        """Ends what the page still does and asks."""
        self.page.goto(_EMPTY)

    def _note(self, response: Response) -> None:
        if response.status >= 400 and response.url.startswith(self._base):
            self.failed.append(f"{response.status} {response.request.method} {response.url}")

    def _asks(self, request: Request) -> None:
        self._open[request] = time.monotonic()

    def _ends(self, request: Request) -> None:
        self._open.pop(request, None)
        if request.failure and request.url.startswith(self._base):
            self._said.append(f"{request.failure}: {request.url}")

    def _complains(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._said.append(message.text)

    def holders(self) -> Locator:
        return self.page.locator(_HOLDER)

    def wait_until_drawn(self) -> None:
        """Return when every chart has been drawn and nothing is busy, several looks running.

        A page on which nothing has come for long is loaded once more, as a person would do; `loaded_again` tells of it.

        :raises AssertionError: it took too long; with what the page waits for and has complained about.
        """
        began = moved = time.monotonic()
        calm, before = 0, -1
        while calm < _CALM_POLLS:
            calm = calm + 1 if self._is_drawn() else 0
            now, drawn = time.monotonic(), self._drawn()
            if drawn != before:
                moved, before = now, drawn
            if now > began + _DRAWN_SECONDS:
                raise AssertionError(f"After {_DRAWN_SECONDS:.0f} s: {self._state()} Before: {self.loaded_again}")
            if calm == 0 and now > moved + _STUCK_SECONDS:
                self.loaded_again.append(self._state())
                self.page.reload()
                moved = time.monotonic()
            # Charts below the window are drawn when they come into it.
            self._scroll_through(calm)
            self.page.wait_for_timeout(1000 * _POLL_SECONDS)

    def _state(self) -> str:
        now = time.monotonic()
        waits = [f"{now - since:.0f} s {request.method} {request.url}" for request, since in self._open.items()]
        return (
            f"{self._drawn()} of {self.charts} charts drawn, {self.holders().count()} frames at {self.page.url};"
            f" it waits for {waits}, {self.failed} failed, and it says {self._said}."
        )

    def _scroll_through(self, calm: int) -> None:
        if calm == 0 and self.holders().count():
            for holder in self.holders().all():
                holder.scroll_into_view_if_needed()

    def _drawn(self) -> int:
        return self.page.locator(f'{_HOLDER}:has([data-test="slice-container"])').count()

    def _is_drawn(self) -> bool:
        return self.holders().count() == self.charts == self._drawn() and self.page.locator(_BUSY).count() == 0

    def errors(self) -> list[str]:
        return self._titles(".ant-alert-error")

    def empty(self) -> list[str]:
        return self._titles(".ant-empty")

    def _titles(self, selector: str) -> list[str]:
        found = self.page.locator(f"{_HOLDER}:has({selector})").all()
        return [(holder.inner_text().strip() or "?").splitlines()[0] for holder in found]

    def screenshot(self, file: Path) -> None:
        """The whole dashboard, however long, from its top to its last chart."""
        file.parent.mkdir(parents=True, exist_ok=True)
        height = self.page.evaluate("document.documentElement.scrollHeight")
        size = self.page.viewport_size or {"width": 1280, "height": 1200}
        self.page.set_viewport_size({"width": size["width"], "height": min(int(height) + 40, 8000)})
        self.wait_until_drawn()
        self.page.evaluate("window.scrollTo(0, 0)")
        self.page.mouse.move(0, 0)
        # Charts that have just come into the window are still growing into their place.
        self.page.wait_for_timeout(_ANIMATION_MS)
        bottom = max(
            (box["y"] + box["height"] for box in map(Locator.bounding_box, self.holders().all()) if box), default=height
        )
        self.page.screenshot(path=file, clip={"x": 0, "y": 0, "width": size["width"], "height": bottom + 20})

    def choose(self, position: int = 0) -> str:
        """Choose the first value of a filter of values, apply it, and return the value when a chart asks for its data."""
        select = self.page.locator('[data-test="filter-bar"] .ant-select').nth(position)
        select.click()
        option = self.page.locator(".ant-select-item-option:visible").first
        option.wait_for()
        value = option.inner_text().strip()
        option.click()
        self.page.keyboard.press("Escape")
        with self.page.expect_request(lambda request: asks_for(request, value)):
            self.page.locator('[data-test="filter-bar__apply-button"]').click()
        return value


def asks_for(request: Request, value: str) -> bool:
    """Whether it is for the data of a chart, filtered by a value."""
    return "/chart/data" in request.url and f'"{value}"' in (request.post_data or "")
