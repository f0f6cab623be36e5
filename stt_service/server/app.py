"""The one port as a whole: WebSockets at once, the HTTP part when it is first asked for.

    request ──► headers ──► Doorkeeper ──► bounded ─┬─ WebSocket ──► transcripts, recognize
                                                    └─ HTTP ──► OnDemand ──► rest (FastAPI)

Receives a hub, a control and plain values; knows no listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.routing import Router, WebSocketRoute

from stt_service.server.calls import in_thread
from stt_service.server.limits import TRANSCRIBE
from stt_service.server.messages import DEFAULT_KINDS, KINDS
from stt_service.server.page import HEADERS
from stt_service.server.patience import bounded
from stt_service.server.recognize import recognize
from stt_service.server.security import Door, Doorkeeper
from stt_service.server.transcripts import Clients

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from starlette.websockets import WebSocket

    from stt_service.hub import Hub
    from stt_service.listener.api import Control
    from stt_service.server.kept import Keeper

DEFAULT_CLIENTS = 256
"""Subscribers at once: many more than a house has, few enough for a board's memory."""


def make_app(
    hub: Hub,
    control: Control,
    door: Door,
    *,
    clients: int = DEFAULT_CLIENTS,
    keeper: Keeper | None = None,
) -> ASGIApp:
    """Return the whole server as an ASGI application; ``clients`` may subscribe at once.

    ``keeper`` is where what is said is kept of those who agree; without one nobody is asked.
    """
    subscribers = Clients(hub, control, clients)

    def server_counts() -> Mapping[str, float]:
        return {
            "clients": subscribers.now,
            "clients_total": subscribers.total,
            "clients_refused_total": subscribers.refused,
            "clients_slow_total": subscribers.slow,
            "requests_refused_total": doorkeeper.refused,
        }

    def make() -> ASGIApp:
        from stt_service.server.rest import make_rest  # noqa: PLC0415 -- see OnDemand

        return make_rest(hub, control, server_counts, keeper)

    rest, sockets = OnDemand(make), _sockets(control, subscribers)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (rest if scope["type"] == "http" else sockets)(scope, receive, send)

    doorkeeper = Doorkeeper(bounded(either, frozenset({TRANSCRIBE})), door)
    return _with_headers(doorkeeper)


class OnDemand:
    """An ASGI application that is made when the first request comes. Owned by the server's loop.

    FastAPI with all that it loads takes a third of the daemon's start: who comes back after a
    crash listens and tells without waiting for it, and a board whose clients hold WebSockets
    never spends the memory. Made in a thread, so that those are served meanwhile.
    """

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if self._made is None:
            self._made = asyncio.create_task(in_thread(self._make))
        app = await asyncio.shield(self._made)  # others wait for it when this client goes
        await app(scope, receive, send)


def _sockets(control: Control, subscribers: Clients) -> ASGIApp:
    async def transcripts(socket: WebSocket) -> None:
        kinds = socket.query_params.get("kinds")
        wanted = DEFAULT_KINDS if kinds is None else tuple(kinds.split(","))
        known = tuple(kind for kind in KINDS if kind in wanted)
        await subscribers.serve(socket, socket.state.access, known)

    async def audio(socket: WebSocket) -> None:
        await recognize(socket, control, socket.state.access)

    return Router(
        [WebSocketRoute("/v1/transcripts", transcripts), WebSocketRoute("/v1/recognize", audio)]
    )


def _with_headers(app: ASGIApp) -> ASGIApp:
    """Add the headers that every answer has."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_more)

    return serve
