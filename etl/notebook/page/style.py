"""How the page of an executed notebook looks."""

from __future__ import annotations

from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

_PAGE = """
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
header { position: sticky; top: 0; z-index: 1; padding: .5rem 1.2rem; background: #fff; border-bottom: 1px solid #ccc; }
header p { margin: .2rem 0; overflow-wrap: anywhere; }
header .warning { color: #9a3412; font-weight: 600; }
main { padding: 0 1.2rem 60vh; }
.cell { margin: 1rem 0; overflow-x: auto; }
#failed { padding-left: .8rem; border-left: 4px solid #d55e00; outline: 0; scroll-margin-top: 8rem; }
pre { margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.prompt { color: #767676; font-family: monospace; }
.highlight { padding: .3rem .6rem; background: #f6f6f6; }
.output_error { padding: .3rem .6rem; background: #fdeeee; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
td, th { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
.ansi-bold { font-weight: 600; }
.ansi-red-fg, .ansi-red-intense-fg { color: #b22b31; }
.ansi-green-fg, .ansi-green-intense-fg { color: #00713a; }
.ansi-yellow-fg, .ansi-yellow-intense-fg { color: #8a6100; }
.ansi-blue-fg, .ansi-blue-intense-fg { color: #1a5fb4; }
.ansi-cyan-fg, .ansi-cyan-intense-fg { color: #00687a; }
.ansi-magenta-fg, .ansi-magenta-intense-fg { color: #92278f; }
"""

STYLE = f"{_PAGE}{HtmlFormatter().get_style_defs('.highlight')}"
"""As CSS, which asks for no other file."""
