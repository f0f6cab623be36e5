"""What the connection under a WebSocket can do that ASGI does not know.

A message for two hundred clients is one frame, made once and written two hundred times: to make it
anew for each of them, and to wait in a task of each, costs twenty times as much.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

EXTENSION = "stt_service.connection"
"""Under which the server's protocol puts itself into the scope."""


class Connection(Protocol):
    """One client's connection. Owned by the server's loop."""

    writable: asyncio.Event
    """Set while the network keeps up."""

    def put(self, frame: bytes) -> bool:
        """Send a whole frame at once; say whether that was possible.

        It is not while the network does not keep up, nor once the connection is being closed.
        """

    def abort(self) -> None:
        """Cut it, with all that waits: closing would wait for it for ever."""


def connection_of(socket: WebSocket) -> Connection:
    """Return what is under a WebSocket."""
    return cast(Connection, socket.scope["extensions"][EXTENSION])


def text_frame(text: str) -> bytes:
    """Return a text message as a server sends it."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
