"""The results on the terminal, and as docs/benchmarks.md with a picture each."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

from matplotlib import rc_context

from benchmarks import freshness
from benchmarks.figures import Result, Tell
from benchmarks.freshness import Age
from benchmarks.pages import age, api, contest, growth, latency, soak, targets
from etl.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
IMAGES = PROJECT_ROOT / "docs" / "images"
BEGIN, END = "<!-- results: made by `make bench-full` -->", "<!-- end of results -->"
ORDER = ("whole", "overhead", "latency", "growth", "soak", "produce", "consume", "merge", "load", "api")
PAGES: dict[str, ModuleType] = {"api": api, "growth": growth, "latency": latency, "soak": soak}
"""How results that are not contests are reported."""


def as_text(name: str, result: Result) -> str:
    """One result for the terminal."""
    return str(_page(name).as_text(result))


def write(results: Path) -> None:
    """Put the results into the page, between its two marks, and draw the pictures."""
    by_name = _read(results)
    PAGE.write_text(_with(by_name), "utf-8")
    # The same figures make the same file.
    with rc_context({"svg.hashsalt": "benchmarks"}):
        for name in ORDER:
            if name in by_name:
                picture = _page(name).draw(by_name[name])
                picture.savefig(IMAGES / f"benchmark-{name}.svg", metadata={"Date": None})


def check(results: Path, tell: Tell) -> int:
    """Tell which results are older than what they measure; returns 1 if the page does not say so, or shows other figures."""
    by_name = _read(results)
    for name, result in by_name.items():
        found = freshness.age(name, result)
        if not found.date:
            tell(f"{name}: {age.UNKNOWN}")
        elif found.changed:
            tell(f"{name}: {age.OLDER} ({found.when}): {'; '.join(found.changed)}")
    if PAGE.read_text("utf-8") == _with(by_name):
        return 0
    tell(f"Error: {PAGE.relative_to(PROJECT_ROOT)} does not show the results and their age as they are.")
    tell("Remedy: `make bench-report`, which takes seconds and measures nothing; commit what it changes.")
    return 1


def _read(results: Path) -> dict[str, Result]:
    found = {file.stem: json.loads(file.read_text("utf-8")) for file in results.glob("*.json")}
    return {name: found[name] for name in ORDER if name in found}


def _with(by_name: dict[str, Result]) -> str:
    """The page with these results."""
    ages = {name: freshness.age(name, result) for name, result in by_name.items()}
    parts = [
        "\n".join(targets.lines(by_name, ages)),
        *(_section(name, result, ages[name]) for name, result in by_name.items()),
    ]
    head, rest = PAGE.read_text("utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{''.join(parts)}{END}{tail}"


def _page(name: str) -> ModuleType:
    return PAGES.get(name, contest)


def _section(name: str, result: Result, measured: Age) -> str:
    page = _page(name)
    lines = [
        f"### {result['title']}",
        "",
        f"{page.intro(result)}.",
        "",
        age.sentence(result, measured),
        "",
        f"![{result['title']}: {page.PICTURE}](images/benchmark-{name}.svg)",
        "",
        *page.body(result),
    ]
    return "\n".join([*lines, "", ""])
