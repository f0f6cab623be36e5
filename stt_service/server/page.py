"""The pages at ``/`` and ``/review``: files kept in memory, under a policy that lets nothing in."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from fastapi import FastAPI

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/view.js": ("view.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/review": ("review.html", "text/html; charset=utf-8"),
    "/review.js": ("review.js", "text/javascript; charset=utf-8"),
    "/review_view.js": ("review_view.js", "text/javascript; charset=utf-8"),
    "/wave.js": ("wave.js", "text/javascript; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path to file and type."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline script or style, no other machine, no frame around it."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""With every answer of the server."""


def add_page(app: FastAPI) -> None:
    """Serve the page's files."""
    folder = resources.files("stt_service.server") / "web"
    for path, (name, kind) in FILES.items():
        app.add_api_route(
            path,
            _answer((folder / name).read_bytes(), kind),
            methods=["GET"],
            include_in_schema=False,
        )


def _answer(content: bytes, kind: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    async def answer(request: Request) -> Response:
        # The Host header is one of the fixed list when a request comes this far. Older Safari
        # does not take 'self' for WebSockets.
        scheme = "wss" if request.url.scheme == "https" else "ws"
        policy = POLICY.format(socket=f"{scheme}://{request.headers['host']}")
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
        return Response(content, media_type=kind, headers=headers)

    return answer
