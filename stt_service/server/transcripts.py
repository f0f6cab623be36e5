"""``WS /v1/transcripts``: everything that is heard, and commands to the listener.

    Hub ──► Subscription ──► Clients, once for all who are waiting ──► their connections
                                  └──► sender of one whose network does not keep up
    Control ◄── commands ◄── receiver ◄── client

Each client has two tasks and a bounded queue; one that does not keep up loses its connection, and
nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from stt_service import __version__
from stt_service.errors import SttError
from stt_service.hub import Hub, Subscription
from stt_service.listener.api import Control
from stt_service.server import commands, messages
from stt_service.server.actions import act
from stt_service.server.connection import connection_of, text_frame
from stt_service.server.limits import STALL_SECONDS, Rate
from stt_service.server.messages import KINDS, Done, ErrorMessage, Hello, Pong, ProtocolError
from stt_service.server.security import REFUSED, SUBPROTOCOL, Access

if TYPE_CHECKING:
    from stt_service.events import LiveEvent

logger = logging.getLogger(__name__)

TRY_LATER = 1013
"""Close code: too many clients, or this one was too slow."""
GONE = 1006
"""Close code: the connection has ended without one."""
REMEMBERED = 64
"""Events whose frames are kept: what is sent to 200 clients is made once."""


class Encoder:
    """Makes the frame of each event once. Owned by the server's thread."""

    def __init__(self) -> None:
        self._known: deque[tuple[LiveEvent, bytes]] = deque(maxlen=REMEMBERED)

    def frame(self, event: LiveEvent) -> bytes:
        """Return an event as it is sent."""
        for known, frame in reversed(self._known):
            if known is event:
                return frame
        frame = text_frame(messages.encode(messages.message_of(event)))
        self._known.append((event, frame))
        return frame


class Clients:
    """All clients of this address, and what they have in common. Owned by the server's thread."""

    def __init__(self, hub: Hub, control: Control, limit: int) -> None:
        """``limit`` clients at once."""
        self.hub = hub
        self.control = control
        self.encoder = Encoder()
        self.limit = limit
        self.now = 0
        """Clients connected."""
        self.total = 0
        self.refused = 0
        """Clients turned away because there were too many."""
        self.slow = 0
        """Clients dropped because they did not keep up."""
        self._woken: deque[_Client] = deque()

    async def serve(self, socket: WebSocket, access: Access, kinds: tuple[str, ...]) -> None:
        """Serve one client to its end."""
        asked = SUBPROTOCOL in socket.scope["subprotocols"]
        await socket.accept(subprotocol=SUBPROTOCOL if asked else None)
        if self.now >= self.limit:
            self.refused += 1
            await refuse(socket, "busy", f"{self.limit} clients are connected already", TRY_LATER)
            return
        self.now += 1
        self.total += 1
        try:
            await _Client(self, socket, access, kinds).run()
        finally:
            self.now -= 1

    def wake(self, client: _Client, loop: asyncio.AbstractEventLoop) -> None:
        """Have events delivered to a client. For any thread.

        Raises :exc:`RuntimeError` when the loop is closed.
        """
        self._woken.append(client)
        if len(self._woken) == 1:  # else somebody has called the loop already
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        try:
            for _ in range(len(self._woken)):
                # Taken off after it was served: who wakes one meanwhile need not call the loop,
                # for the next round is called below.
                try:
                    self._woken[0].deliver()
                finally:
                    self._woken.popleft()
        finally:
            if self._woken:
                asyncio.get_running_loop().call_soon(self._deliver)


class _Client:
    """One connection. Owned by the server's thread, but for ``_wake``."""

    def __init__(
        self, clients: Clients, socket: WebSocket, access: Access, kinds: tuple[str, ...]
    ) -> None:
        self._clients = clients
        self._socket = socket
        self._connection = connection_of(socket)
        self._access = access
        self._session = secrets.token_hex(4)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._frames: deque[bytes] = deque()  # to be sent before anything else
        self._rate = Rate(time.monotonic)
        self._paused = False
        self._kinds = kinds
        self._subscription = self._subscribe(kinds)

    def _subscribe(self, kinds: tuple[str, ...]) -> Subscription:
        self._kinds = kinds
        return self._clients.hub.subscribe(self._wake, kinds=tuple(KINDS[kind] for kind in kinds))

    def _wake(self) -> None:
        self._clients.wake(self, self._loop)

    def deliver(self) -> None:
        """Send what is new at once; the sender goes on where the network does not keep up."""
        if not self._frames:
            self._take()
        self._flush()
        if self._frames or self._subscription.overflowed:
            self._news.set()

    def _take(self) -> None:
        self._frames.extend(map(self._clients.encoder.frame, self._subscription.take()))

    def _flush(self) -> None:
        while self._frames and self._connection.put(self._frames[0]):
            self._frames.popleft()

    async def run(self) -> None:
        self._greet()
        sender = asyncio.create_task(self._send())
        receiver = asyncio.create_task(self._receive())
        try:
            await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sender.cancel()
            receiver.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)
            self._subscription.close()
            if self._paused:
                await asyncio.to_thread(self._clients.control.resume, self._reason)
        for task in (sender, receiver):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    @property
    def _reason(self) -> str:
        return f"client {self._session}"

    def _greet(self) -> None:
        """Say what is the case: after subscribing, so that nothing is missed in between."""
        state = self._clients.control.state()
        hello = Hello(
            server=f"stt-service {__version__}",
            session=self._session,
            kinds=self._kinds,
            may=self._access.commands,
            state=messages.state_of(state),
        )
        self._answer(hello)
        if "ready" in self._kinds:
            model = state.model.id if state.model is not None else None
            self._answer(messages.Ready(ready=state.ready, source=state.source, model=model))

    def _answer(self, message: messages.ServerMessage) -> None:
        self._frames.append(text_frame(messages.encode(message)))
        self._news.set()

    async def _send(self) -> None:
        try:
            while not self._subscription.overflowed:
                await self._news.wait()
                self._news.clear()
                await self._drain()
        except TimeoutError:
            self._drop()
            return
        except (WebSocketDisconnect, RuntimeError):
            return  # it has gone, or is being told to go
        self._clients.slow += 1
        logger.info("client %s did not keep up", self._session)
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await refuse(self._socket, "too-slow", "you have not kept up", TRY_LATER)
        except TimeoutError:
            self._connection.abort()

    async def _drain(self) -> None:
        """Send all there is. Raises :exc:`TimeoutError` when the network takes nothing more."""
        writable = self._connection.writable
        while True:
            self._flush()
            if self._frames:
                if writable.is_set():
                    raise WebSocketDisconnect(GONE)
                async with asyncio.timeout(STALL_SECONDS):
                    await writable.wait()
            else:
                self._take()
                if not self._frames:
                    return

    def _drop(self) -> None:
        self._clients.slow += 1
        logger.info("client %s is stuck", self._session)
        self._connection.abort()

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not self._rate.allow():
                self._answer(ErrorMessage(code="rate", message="too many commands"))
                await asyncio.sleep(0)
                await refuse(self._socket, "rate", "too many commands", REFUSED)
                return
            text = message.get("text")
            if text is None:
                self._answer(ErrorMessage(code="bad-message", message="commands are JSON text"))
                continue
            await self._obey(text)

    async def _obey(self, text: str) -> None:
        try:
            command = commands.parse_command(text)
        except ProtocolError as error:
            self._answer(
                ErrorMessage(code="bad-message", message=error.message, remedy=error.remedy)
            )
            return
        if command.type not in self._access.commands:
            self._answer(
                ErrorMessage(
                    id=command.id,
                    code="forbidden",
                    message=f"this client may not {command.type}",
                    remedy="Connect with the token to control",
                )
            )
            return
        if isinstance(command, commands.PingCommand):
            self._answer(Pong(id=command.id))
            return
        if isinstance(command, commands.SubscribeCommand):
            self._subscription.close()
            self._subscription = self._subscribe(tuple(command.kinds))
        elif (refused := await self._change(command)) is not None:
            self._answer(refused)
            return
        self._answer(Done(id=command.id))

    async def _change(self, command: commands.Command) -> ErrorMessage | None:
        if isinstance(command, commands.PauseCommand):
            self._paused = True
        try:
            # Grammars are built and the mute state is written: not in the loop.
            await asyncio.to_thread(act, self._clients.control, command, self._reason)
        except SttError as error:
            return ErrorMessage(
                id=command.id, code="refused", message=error.message, remedy=error.remedy
            )
        return None


async def refuse(socket: WebSocket, code: str, message: str, close: int) -> None:
    """Say why, and close; harmless when the client has gone."""
    try:
        await socket.send_text(messages.encode(ErrorMessage(code=code, message=message)))
        await socket.close(close, message)
    except (WebSocketDisconnect, RuntimeError):
        return
