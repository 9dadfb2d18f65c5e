"""Pages of executed notebooks: what was written and shown is there, what would act is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from etl.audit.states import Job
from etl.errors import NotFound
from etl.notebook.page.executed import Executed
from etl.notebook.page.render import POLICY, render
from tests.support.executed import Page, code, display, error, markdown, notebook, stream
from tests.support.hostile_html import HOSTILE, OF_MARKDOWN, UNENDED

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

PASSED = {
    *(
        "a",
        "b",
        "blockquote",
        "br",
        "caption",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
        "ol",
    ),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "u", "ul"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr"),
}
ATTRIBUTES = {"alt", "class", "colspan", "height", "href", "rel", "rowspan", "src", "start", "title", "width"}


def executed(*cells: Any, feed: str = "tanks", warning: str = "") -> Executed:
    return Executed(feed, "20260102T030405Z-ab12", Job.LOAD, "FAILED", notebook(*cells), warning)


def page_of(*cells: Any, **values: str) -> Page:
    return Page(render(executed(*cells, **values)))


def require_harmless(page: Page) -> None:
    for tag, attributes in page.of_cells():
        assert tag in PASSED
        assert set(attributes) <= ATTRIBUTES
        assert (attributes.get("href") or "https://").startswith(("http://", "https://"))
        assert (attributes.get("src") or "data:image/").startswith("data:image/")


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_code_outputs_and_texts_are_shown() -> None:
    page = page_of(
        markdown("# 4 · Load\n\nIt is **fast**: [more](https://example.org/)."),
        code("print('<b>')", stream("<b>bold</b> & \x1b[31mred\x1b[0m"), number=7),
        code("frame", display(text__html="<table><tr><td>12.5</td></tr></table>", text__plain="not this")),
        code("plot", display(image__png=PIXEL, text__plain="<Figure>")),
        code("drawing", display(**{"image__svg+xml": "<svg onload='alert(1)'/>"})),
    )
    text = page.text()
    for part in ("4 · Load", "print('<b>')", "<b>bold</b> & ", "12.5", "In\N{NO-BREAK SPACE}[7]:"):
        assert part in text
    assert "not this" not in text
    assert page.around("fast")[-1] == "strong"
    assert page.around("12.5")[-1] == "td"
    sources = [str(attributes["src"]) for tag, attributes in page.elements if tag == "img"]
    assert [source.partition(";")[0] for source in sources] == ["data:image/png", "data:image/svg+xml"]
    assert PIXEL in sources[0]
    require_harmless(page)


def test_a_widget_is_shown_as_its_text() -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(value=3)"}
    assert "IntSlider(value=3)" in page_of(code("slider", {**display(), "data": data})).text()


def test_an_output_without_a_form_that_can_be_shown_is_named() -> None:
    page = page_of(code("x", display(application__javascript="alert(1)")))
    assert "(not shown: application/javascript)" in page.text()
    assert "alert" not in page.text()


def test_the_page_names_job_and_cycle_and_its_warning() -> None:
    page = page_of(code("x"), feed="<i>tanks</i>", warning="It was <b>changed</b>.")
    assert "<i>tanks</i> · load FAILED · cycle 20260102T030405Z-ab12" in page.text()
    assert page.around("It was <b>changed</b>.")[-2:] == ("header", "p")


def test_a_page_opened_from_a_file_has_the_policy_too() -> None:
    page = page_of(code("x"))
    (policy,) = [each for tag, each in page.elements if tag == "meta" and "http-equiv" in each]
    assert policy == {"http-equiv": "Content-Security-Policy", "content": POLICY}


# --- the cell that failed ---------------------------------------------------------------------------------------------


def test_the_cell_that_failed_is_marked_and_linked() -> None:
    marker = "papermill-error-cell-tag"
    page = page_of(
        markdown("An Exception was encountered at 'In [3]'.", marker),
        code("fine = 1", number=2),
        markdown("Execution using papermill encountered an exception here and stopped:", marker),
        code("broken()", stream("before"), error("OSError", "\x1b[31mOSError\x1b[0m: the disk is full"), number=3),
        code("later()", number=None),
    )
    assert "failed" in page.around("the disk is full")
    assert "failed" not in page.around("later")
    assert "failed" not in page.around("fine")
    (failed,) = [attributes for _, attributes in page.elements if "id" in attributes]
    assert (failed["id"], failed["tabindex"], "autofocus" in failed) == ("failed", "-1", True)
    assert {"href": "#failed"} in [attributes for tag, attributes in page.elements if tag == "a"]
    assert page.around("The cell that failed: In [3]")[-3:] == ("header", "p", "a")
    assert "papermill" not in page.text(), "one link is enough"


def test_no_cell_is_marked_where_none_failed() -> None:
    page = page_of(code("x", stream("Traceback (most recent call last)")))
    assert not [attributes for _, attributes in page.elements if {"id", "autofocus"} & set(attributes)]
    assert "The cell that failed" not in page.text()


def test_another_cell_cannot_pose_as_the_one_that_failed() -> None:
    page = page_of(
        code("a", display(text__html="<div id='failed' tabindex='-1' autofocus class='celltag_failed'>not me</div>")),
        code("b", error("OSError", "it was me")),
    )
    assert "failed" not in page.around("not me")
    assert "failed" in page.around("it was me")


# --- what would act ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HOSTILE, *OF_MARKDOWN])
def test_nothing_in_a_notebook_acts(text: str) -> None:
    attachments = {"x.png": {"text/html": text, "image/png": text}}
    page = page_of(
        markdown(text),
        {**markdown(f"{text} ![x](attachment:x.png)"), "attachments": attachments},
        {"cell_type": "raw", "id": "r", "metadata": {"raw_mimetype": "text/html"}, "source": text},
        code(text, stream(text), number=1),
        code("a", display(text__html=text)),
        code("b", display(text__markdown=text)),
        code("c", display(text__plain=text)),
        code("d", display(**{"image__svg+xml": text})),
        code("e", display(image__png=f'">{text}')),
        code("f", display(**{f"{text}__x": "y"})),
    )
    require_harmless(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_traceback_is_text(text: str) -> None:
    html = render(executed(code("x", error(text, text, f"\x1b[31m{text}\x1b[0m"))))
    Page(html)
    cells = html.partition("<main>")[2]
    assert not re.search(r"<(script|img|iframe|svg|style|form|object|body)", cells)


@pytest.mark.parametrize("text", UNENDED)
def test_no_output_ends_outside_of_its_cell_or_hides_the_next_one(text: str) -> None:
    def page(inner: str) -> Page:
        return page_of(
            markdown(inner),
            code("a", display(text__html=inner)),
            code("b", display(text__markdown=inner)),
            markdown("The next cell is here."),
        )

    found, harmless = page(text), page("a text")
    assert found.around("The next cell is here.") == harmless.around("The next cell is here.")
    require_harmless(found)


# --- what is no notebook ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}',
        notebook({"cell_type": "code", "id": "c", "metadata": {}, "source": "x"}),
        notebook({**code("x"), "execution_count": "<script>"}),
        notebook({**code("x"), "outputs": [{"output_type": "odd"}]}),
        notebook({**markdown("x"), "metadata": {"tags": "no list"}}),
        notebook(code("x", {**stream(""), "text": 5})),
        notebook(code("\ud800")),
        notebook(markdown("![x](attachment:missing.png)")),
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_is_refused(content: bytes) -> None:
    with pytest.raises(NotFound, match="no notebook of format 4"):
        render(replace(executed(), content=content))


def test_metadata_and_ids_do_not_matter() -> None:
    odd = {"metadata": {"transient": [], "tags": ["a"], "collapsed": True}, "id": "same"}
    assert "two" in page_of({**code("one"), **odd}, {**code("two"), **odd}).text()
