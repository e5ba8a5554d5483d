"""`/`, its assets and `/docs`: files of this package, from this host only."""

import gzip
import hashlib
import html
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request, Response

from api.auth import Reader
from api.problems import Problem

router = APIRouter(include_in_schema=False)
_TYPES: Final = {
    "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}  # fmt: skip


class Asset(NamedTuple):
    """One file, ready to send."""

    plain: bytes
    packed: bytes
    media_type: str
    etag: str


@cache
def _assets() -> dict[str, Asset]:
    """The files of `static/` by name: 65 kB in all, 22 kB packed, read once."""
    found = {}
    for file in files("api").joinpath("static").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            plain = file.read_bytes()
            etag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
            found[file.name] = Asset(plain, gzip.compress(plain, 9, mtime=0), kind, etag)
    return found


def _send(name: str, request: Request) -> Response:
    asset = _assets().get(name)
    if asset is None:
        raise Problem(404, f"there is no file {name!r}")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.plain, media_type=asset.media_type, headers=headers)


@router.get("/")
def read_page(request: Request) -> Response:
    """The dashboard: a log-in form until somebody has logged in; it brings no data of its own."""
    return _send("index.html", request)


@router.get("/static/{name}")
def read_asset(name: str, request: Request) -> Response:
    """Script, style and icon of the page."""
    return _send(name, request)


@router.get("/docs")
def read_docs(request: Request, _: Reader) -> Response:
    """The OpenAPI document as plain HTML: the usual viewers load their scripts from other hosts."""
    document = request.app.openapi()
    rows = "".join(
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    title = html.escape(document["info"]["title"])
    return Response(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/static/style.css">'
        f'<main class="docs"><h1>{title}</h1><p>{html.escape(document["info"]["description"])}</p>'
        f'<p><a href="/openapi.json">openapi.json</a></p>{rows}</main></html>',
        media_type=_TYPES["html"],
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{html.escape(item['name'])}</code> ({item['in']}{', required' if item.get('required') else ''}) "
        f"{html.escape(item.get('description', ''))}</li>"
        for item in operation.get("parameters", [])
    )
    text = html.escape(operation.get("description", ""))
    return f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{text}</p><ul>{parameters}</ul>"
