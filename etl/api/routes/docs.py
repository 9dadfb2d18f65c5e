"""The OpenAPI document, and a page in which people read and try it. Nothing of it comes from another host."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

router = APIRouter(include_in_schema=False)

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
# The page begins with a script of its own.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)


class Asset(StrEnum):
    """Files of the page."""

    SCRIPT = "swagger-ui-bundle.js"
    STYLE = "swagger-ui.css"
    ICON = "favicon.png"


@router.get("/openapi.json")
async def document(request: Request) -> JSONResponse:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Swagger UI."""
    root = request.scope.get("root_path", "").rstrip("/")
    html = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{root}/docs/{Asset.SCRIPT}",
        swagger_css_url=f"{root}/docs/{Asset.STYLE}",
        swagger_favicon_url=f"{root}/docs/{Asset.ICON}",
    )
    html.headers["Content-Security-Policy"] = _POLICY
    return html


@router.get("/docs/{asset}")
async def asset(asset: Asset) -> FileResponse:
    """A file of the page."""
    return FileResponse(_ASSETS / asset)
