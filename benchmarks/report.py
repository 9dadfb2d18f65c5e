"""The results on the terminal, and as docs/benchmarks.md with a picture each."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

from matplotlib import rc_context

from benchmarks.figures import Result
from benchmarks.pages import contest, growth, latency, soak, targets
from etl.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
IMAGES = PROJECT_ROOT / "docs" / "images"
BEGIN, END = "<!-- results: made by `make bench-full` -->", "<!-- end of results -->"
ORDER = ("whole", "overhead", "latency", "growth", "soak", "produce", "consume", "merge", "load")
PAGES: dict[str, ModuleType] = {"growth": growth, "latency": latency, "soak": soak}
"""How results that are not contests are reported."""


def as_text(name: str, result: Result) -> str:
    """One result for the terminal."""
    return str(_page(name).as_text(result))


def write(results: Path) -> None:
    """Put the results into the page, between its two marks, and draw the pictures."""
    by_name = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))}
    parts = ["\n".join(targets.lines(by_name)), *(_section(name, by_name[name]) for name in ORDER if name in by_name)]
    page = PAGE.read_text("utf-8")
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n{''.join(parts)}{END}{tail}", "utf-8")
    # The same figures make the same file.
    with rc_context({"svg.hashsalt": "benchmarks"}):
        for name in ORDER:
            if name in by_name:
                picture = _page(name).draw(by_name[name])
                picture.savefig(IMAGES / f"benchmark-{name}.svg", metadata={"Date": None})


def _page(name: str) -> ModuleType:
    return PAGES.get(name, contest)


def _section(name: str, result: Result) -> str:
    page = _page(name)
    lines = [
        f"### {result['title']}",
        "",
        f"{page.intro(result)}; system load before: {result['load_before'][0]}.",
        "",
        f"![{result['title']}: {page.PICTURE}](images/benchmark-{name}.svg)",
        "",
        *page.body(result),
    ]
    return "\n".join([*lines, "", ""])
