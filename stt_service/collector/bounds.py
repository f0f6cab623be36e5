"""Bodies of requests are bounded before anybody reads them: in size, and in time.

A request's small body is taken in whole, then handed on; an utterance passes through, because
whoever receives it looks at the token first and reads in pieces.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 << 10
"""Bytes; joining and voting need two thousand at most."""
BODY_SECONDS = 120.0
"""That a body may take: 8 MiB on the slowest line that a device sends over by day."""
STREAMED = "PUT"
"""The method of the only request with a large body."""


class Bounded:
    """Stands before the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request whose body is small and has come, or refuse it."""
        if scope["type"] != "http" or scope["method"] == STREAMED:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _take(receive)
        except TimeoutError:
            await _refuse(408, "the body did not come", "Send it again")(scope, receive, send)
            return
        if body is None:
            return  # nobody is there any more
        if len(body) > MAX_BODY:
            refuse = _refuse(413, f"the body has more than {MAX_BODY} bytes", "Send less")
            await refuse(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


async def _take(receive: Receive) -> bytes | None:
    """Return the body, cut where it is too large; None when its sender has gone."""
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _refuse(status: int, error: str, remedy: str) -> JSONResponse:
    # What is still under way of the body is no next request.
    return JSONResponse({"error": error, "remedy": remedy}, status, {"Connection": "close"})
