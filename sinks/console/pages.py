"""The built front end, and what every answer says to the browser."""

from mimetypes import guess_type
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["NOT_BUILT", "BodyLimit", "Headers", "is_built", "serve_pages"]

NOT_BUILT = "the console's pages are not built: run `make web`"
"""What a terminal is told, in a sentence."""

_LONGEST_BODY = 1 << 20
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    b"content-security-policy": _CSP.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
_NOT_BUILT_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Seamwatch</title>
<h1>The console's pages are not built</h1>
<p>Run <code>make web</code>, and load this page again. The API is at <code>/api</code>, and works without them.</p></html>
"""


class Headers:
    """Puts on every answer what keeps the browser from doing more than is meant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                more = _HEADERS | {b"cache-control": b"no-store"}
                message = {**message, "headers": given + [item for item in more.items() if item[0] not in names]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """Refuses bodies of more than a megabyte, however they are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > _LONGEST_BODY:
                raise HTTPException(413)
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


def is_built(web: Path) -> bool:
    """Tell whether a folder holds the built front end."""
    return (web / "index.html").is_file()


def serve_pages(app: FastAPI, web: Path) -> None:
    """Serve the front end from ``web``: files of ``assets`` by their hashed names, compressed where there is such a copy and the browser takes it;
    ``index.html`` for every path that is not the API's.
    """
    root = web.resolve()

    @app.get("/assets/{path:path}", include_in_schema=False)
    def asset(request: Request, path: str) -> Response:
        file = _inside(root / "assets", path)
        if file is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        packed = _inside(root / "assets", f"{path}.gz") if _takes_gzip(request.headers.get("accept-encoding", "")) else None
        if packed is None:
            return FileResponse(file, headers=headers)
        kind = guess_type(file)[0] or "application/octet-stream"
        return FileResponse(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})

    @app.get("/livez", include_in_schema=False)
    def livez() -> Response:
        return Response("# ok\n", media_type="text/plain")  # a page of metrics without one: Prometheus asks it, and knows by `up` whether the console answers

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404)
        # What lies beside index.html, such as an icon, is served by its name.
        file = _inside(root, path) or _inside(root, "index.html")
        headers = {"Cache-Control": "no-cache"}
        return HTMLResponse(_NOT_BUILT_PAGE, 200, headers) if file is None else FileResponse(file, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Tell whether a header `Accept-Encoding` names gzip, and not with a weight of nothing."""
    parts = (each.partition(";q=") for each in accepted.lower().replace(" ", "").split(","))
    return any(name == "gzip" and (not weight or weight.strip("0.") != "") for name, _, weight in parts)


def _inside(root: Path, path: str) -> Path | None:
    if "\x00" in path:
        return None
    try:
        file = (root / path).resolve()
        return file if file.is_relative_to(root) and file.is_file() else None
    except OSError:  # a name that no file can have
        return None
