"""What a request may take in time and memory, before anything of ours looks at it.

    connection ──► PatientProtocol: head within seconds ──► bounded: small body, whole ──► app

Without it a few hundred connections that each send a byte a minute would shut everybody out, at no
cost to whoever opened them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from stt_service.server.limits import BODY_SECONDS, HEAD_SECONDS, MAX_BODY_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class PatientProtocol(H11Protocol):
    """Cuts connections that begin no request in time. Owned by the server's loop."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what has come; wait on unless it completes a head."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.get_protocol() is not self:
            self._stop_waiting()  # what is left is the app's, or that of a WebSocket
        elif self.timeout_keep_alive_task is None:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless an answer is under way already."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # The head was right and what follows is not: the answer under way has nowhere to go.
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
                return
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded(app: ASGIApp, own_limits: frozenset[str]) -> ASGIApp:
    """Return ``app``, called with bodies that are whole and small.

    The paths in ``own_limits`` read theirs themselves.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in own_limits or not _has_body(scope):
            await app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive)
        except TimeoutError:
            problem = _problem("too-slow", f"the body did not arrive within {BODY_SECONDS:g} s")
            await JSONResponse(problem, 408)(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > MAX_BODY_BYTES:
            problem = _problem("too-large", f"a body has at most {MAX_BODY_BYTES >> 10} KiB")
            await JSONResponse(problem, 413)(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await app(scope, receive_again, send)

    return serve


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _read(receive: Receive) -> bytes | None:
    """Return a body, not much more than what it may have of one; None when the client has gone."""
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _problem(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "remedy": ""}
