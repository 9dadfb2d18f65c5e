"""The documentation as a site: it is complete, builds without a warning, and asks no other host."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from etl.settings import PROJECT_ROOT
from tests.superset.browser import NAMES, PATIENCE_MS, browsing, find_chromium

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="THE DOCUMENTATION IS NOT BUILT: there is no mkdocs."
)
DOCS = PROJECT_ROOT / "docs"
LOADS = re.compile(r"<(?:link|script|img|iframe|source|video|audio)\b[^>]*?\b(?:href|src|srcset)=[\"']?([^\"'\s>]+)")
CSS_LOADS = re.compile(r"(?:@import\s*|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)")
OF_NAVIGATION = re.compile(r"<a href=\"([^\"]+)\" class=\"md-nav__link")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    built = build(PROJECT_ROOT, made)
    assert (built.returncode, re.findall("^(?:WARNING|ERROR).*", built.stderr, re.MULTILINE)) == (0, []), built.stderr
    return made


def test_every_page_is_in_the_navigation(folder: Path) -> None:
    pages = {str(path.relative_to(folder)) for path in folder.rglob("*.html")} - {"404.html"}
    assert len(pages) > len(list(DOCS.rglob("*.md"))), "and README, CHANGELOG and CONTRIBUTING"
    links = OF_NAVIGATION.findall((folder / "index.html").read_text("utf-8"))
    assert pages <= {unquote(link) for link in links} | {"index.html"}


def test_every_link_between_pages_leads_somewhere(folder: Path) -> None:
    for page in folder.rglob("*.html"):
        for link in re.findall(r"<a [^>]*?href=\"([^\"#]+)", page.read_text("utf-8")):
            if page.name != "404.html" and not urlsplit(link).scheme:
                assert (page.parent / unquote(link)).exists(), f"{page.name}: {link}"


def test_no_page_loads_anything_from_another_host(folder: Path) -> None:
    loads = {load for page in folder.rglob("*.html") for load in LOADS.findall(page.read_text("utf-8"))}
    assert len(loads) > 10
    assert [load for load in loads if urlsplit(load).netloc] == []
    styles = [style.read_text("utf-8") for style in folder.rglob("*.css")]
    assert [load for style in styles for load in CSS_LOADS.findall(style)] == []


def test_the_reference_has_what_notebooks_import(folder: Path) -> None:
    for page, names in {
        "settings": ["etl.settings.Settings.load"],
        "contracts": ["etl.contract.reader.load_contract", "etl.contract.model.Column"],
        "jobs": [f"etl.jobs.{job}.job.{job}" for job in ("produce", "consume", "merge", "load")],
        "notebooks": ["etl.notebook.queries.explore", "etl.notebook.charts.windows", "etl.notebook.show.prepare"],
        "cycles": ["etl.operations.cycle.run_cycle"],
        "errors": ["etl.errors.ContractError"],
    }.items():
        text = (folder / "reference" / f"{page}.html").read_text("utf-8")
        assert [name for name in names if f'id="{name}"' not in text] == []
        assert ":param" not in text
        assert ":raises" not in text


def test_an_orphan_and_a_dead_link_fail_the_build(tmp_path: Path) -> None:
    for path in PROJECT_ROOT.iterdir():
        if path.name in {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "superset", "etl"}:
            (tmp_path / path.name).symlink_to(path)
    shutil.copy(PROJECT_ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "docs").mkdir()
    for name in (".nav.yml", "hooks.py"):
        shutil.copy(DOCS / name, tmp_path / "docs")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n\n[gone](../sql/nothing.sql) and [gone](#no-such-heading)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode == 1
    assert re.search(r'not included in the "nav" configuration:\n(?:  - .*\n)*  - lost\.md', built.stderr)
    assert "docs/lost.md links to sql/nothing.sql, which does not exist" in built.stderr
    assert "#no-such-heading" in built.stderr


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip(f"NO PAGE OF THE DOCUMENTATION IS LOOKED AT: no browser was found ({', '.join(NAMES)}).")
    with browsing(executable) as found:
        yield found


class Looked:
    """What pages did: what they asked for, and what went wrong in them."""

    def __init__(self, page: Page) -> None:
        self.asked: set[str] = set()
        self.wrong: list[str] = []
        page.on("request", lambda request: self.asked.add(request.url))
        page.on("pageerror", lambda problem: self.wrong.append(str(problem)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)


@pytest.mark.parametrize("width", [1440, 390])
def test_pages_fit_the_window_and_stay_at_home(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    looked = Looked(page)
    for path in (
        "index.html",
        "tutorial.html",
        "which-system.html",
        "not-run.html",
        "reference/jobs.html",
        "contracts.html",
    ):
        page.goto(address + path, wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
    assert looked.wrong == []
    assert [url for url in looked.asked if not url.startswith(address)] == []
    page.close()


def test_the_search_finds_a_setting(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    looked = Looked(page)
    page.goto(address)
    # The page listens to keys.
    page.get_by_role("textbox", name="Search").press_sequentially("quarantine replay")
    page.locator(".md-search-result__link").first.wait_for()
    assert [url for url in looked.asked if not url.startswith(address)] == []
    page.close()
