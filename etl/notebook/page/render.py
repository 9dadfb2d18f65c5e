"""An executed notebook as one page of HTML in which nothing of the notebook acts: no script, no style, no form, no other address
than that of a link.

nbconvert renders the cells; nh3 lets pass what is on a list: first each output by itself, so that none can end outside of its
cell or hide the next ones, then all together, whatever nbconvert has added. `POLICY` would stop what both have overlooked.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from html import escape
from string import Template
from typing import TYPE_CHECKING

import nh3

from etl.errors import NotFound
from etl.notebook.page.executed import FAILED_CELL, Executed, has_failed
from etl.notebook.page.style import STYLE

if TYPE_CHECKING:
    from nbconvert.exporters.html import HTMLExporter
    from nbformat import NotebookNode

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of a page, also where it is opened from a file."""

_TAGS = {
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
_SPANS = {"colspan", "rowspan"}
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"href", "title"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "td": _SPANS,
    "th": _SPANS,
}
_ADDRESSES = {"href": ("http://", "https://"), "src": ("data:image/",)}
"""How the address in an attribute begins. No image is fetched; a link to `data:` could be a page with a script."""
_SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
"""The forms of outputs; the first one that an output has is shown. A widget has its text beside it."""
_PAPERMILL = "papermill-error-cell-tag"
"""Tag of the cells by which papermill leads to the one that failed; the head of the page does that."""

_FORMAT = 4
_QUIET = logging.getLogger(__name__)
"""nbconvert warns of each image without an alternative text."""
_QUIET.setLevel(logging.CRITICAL)

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header><p><strong>$title</strong></p>$notes</header>
<main>
$cells
</main>
</body>
</html>
""")


def render(executed: Executed) -> str:
    """The page. The cell that failed is marked, linked at the top, and in view when the page is opened.

    :raises NotFound: the file is no notebook of format 4.
    """
    import nbformat
    from nbconvert.filters.markdown_mistune import InvalidNotebook

    try:
        return _page(executed)
    # What nbformat or nbconvert calls invalid, or is no JSON, UTF-8 or Unicode, or is nested too deeply.
    except (InvalidNotebook, nbformat.ValidationError, ValueError, RuntimeError) as error:
        raise NotFound(
            f"The notebook of {executed.job} of cycle {executed.cycle_id} is damaged: it is no notebook of format 4.",
            remedy="If it was not changed by hand, the disk may be broken or full; the audit log has the job's error.",
        ) from error


def clean(html: str) -> str:
    """HTML in which only what is on the list is left; every element ends where it ought to."""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes={"data", "http", "https"},
    )


def _allowed(_tag: str, attribute: str, value: str) -> str | None:
    beginnings = _ADDRESSES.get(attribute)
    return value if beginnings is None or value.startswith(beginnings) else None


def _page(executed: Executed) -> str:
    notebook = _read(executed.content)
    # Nobody who writes a notebook can guess it, so that no cell but this one becomes the one that failed.
    mark = secrets.token_hex(16)
    failed = next((cell for cell in notebook.cells if has_failed(cell)), None)
    if failed:
        failed.metadata = {"tags": [mark]}
    html, _ = _exporter().from_notebook_node(notebook)
    # Without a script, `autofocus` brings the cell into view also where the address does not end with #failed.
    cells = clean(html).replace(f' celltag_{mark}"', f'" id="{FAILED_CELL}" tabindex="-1" autofocus', 1)
    return _PAGE.substitute(
        policy=POLICY,
        title=escape(f"{executed.feed} · {executed.job} {executed.status} · cycle {executed.cycle_id}"),
        style=STYLE,
        notes=_notes(executed, failed),
        cells=cells,
    )


def _notes(executed: Executed, failed: NotebookNode | None) -> str:
    """What stays in view above the cells."""
    warning = f'<p class="warning">{escape(executed.warning)}</p>' if executed.warning else ""
    if failed is None:
        return warning
    number = failed.get("execution_count")
    which = f"In [{number}]" if number else "a cell without a number"
    return f'{warning}<p><a href="#{FAILED_CELL}">The cell that failed: {escape(which)}</a></p>'


def _read(content: bytes) -> NotebookNode:
    """A valid notebook without metadata, which could change how a cell is shown, and without papermill's own cells.

    :raises ValueError: it is no JSON, or of another format. Also what nbformat raises.
    """
    import nbformat
    from nbformat.v4 import to_notebook

    document = json.loads(content)
    if not isinstance(document, dict) or document.get("nbformat") != _FORMAT:
        raise ValueError("another format")
    # Of the version that has no ids of cells yet: a missing or repeated one is no error here.
    document["nbformat_minor"] = 4
    nbformat.validate(document, relax_add_props=True)
    notebook: NotebookNode = to_notebook(document)  # type: ignore[no-untyped-call]
    notebook.metadata = {"language_info": {"name": "python"}}
    notebook.cells = [cell for cell in notebook.cells if _PAPERMILL not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        cell.pop("id", None)
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            if "data" in output:
                output.metadata, output.data = {}, _one_form(output.data)
    return notebook


def _one_form(data: Mapping[str, str]) -> dict[str, str]:
    """The form of an output that is shown."""
    form = next((form for form in _SHOWN if form in data), None)
    return {form: data[form]} if form else {"text/plain": f"(not shown: {', '.join(data)})"}


def _exporter() -> HTMLExporter:
    """A new one for each page: it is not made for several threads."""
    from nbconvert.exporters.html import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(  # type: ignore[no-untyped-call]
        config=Config({"NbConvertBase": {"display_data_priority": _SHOWN}}),
        log=_QUIET,
        template_name="basic",
        exclude_anchor_links=True,
        sanitize_html=True,
        filters={"clean_html": clean},
    )
