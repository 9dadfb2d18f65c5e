"""What mkdocs does not know of this repository: pages that are not in docs/, and links to files that are no pages."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = get_plugin_logger("hooks")

ROOT = Path(__file__).parents[1]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "superset/README.md": "superset.md",
}
"""Files of the repository outside of docs/ → their pages."""
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for source, page in BESIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of the repository links of the site."""
    source = {page: source for source, page in BESIDE.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def of_site(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["path"]))
        if not (ROOT / path).exists():
            log.warning("%s links to %s, which does not exist", source, path)
        target = _page_of(path, files)
        if target is not None:
            return f"{match['image']}[{match['text']}]({_relative(target, page.file.src_uri)}{match['anchor'] or ''})"
        return f"[{match['text']}]({config.extra['files_url']}/{path})" if config.extra["files_url"] else match["text"]

    return _LINK.sub(of_site, markdown)


def _page_of(path: str, files: Files) -> str | None:
    """The page or file of the site for a path in the repository; None: there is none."""
    inside = path.removeprefix("docs/") if path.startswith("docs/") else None
    candidates = [BESIDE.get(path), inside, f"{inside}/README.md" if inside else None]
    return next((name for name in candidates if name and files.get_file_from_path(name)), None)


def _relative(target: str, page: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
