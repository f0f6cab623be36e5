"""``WS /v1/recognize``: a client streams audio and hears what was said in it.

    client ──start, audio, end──► receiver ──► Inlet ──► thread ──► Caller
    client ◄──────── partials, finals, done ──────── sender ◄────── Call

A client that sends faster than is recognised is made to wait, by TCP.
"""

from __future__ import annotations

import asyncio
import logging
import secrets

from starlette.websockets import WebSocket, WebSocketDisconnect

from stt_service import __version__
from stt_service.audio.pipe import RawFormat
from stt_service.errors import AudioError, SttError
from stt_service.listener.api import BusyError, Caller, Control
from stt_service.server import commands, messages
from stt_service.server.calls import Call, in_thread
from stt_service.server.connection import connection_of
from stt_service.server.limits import AUDIO_IDLE_SECONDS, FIRST_MESSAGE_SECONDS, STALL_SECONDS
from stt_service.server.messages import Done, ErrorMessage, Hello, Pong, ProtocolError
from stt_service.server.security import REFUSED, SUBPROTOCOL, Access
from stt_service.server.sound import Inlet, feed_stream
from stt_service.server.transcripts import TRY_LATER

logger = logging.getLogger(__name__)

FINISHED = 1000
"""Close code: all is done."""
WRONG = 1007
"""Close code: what was sent cannot be used."""
KINDS = ("speech_started", "partial", "final", "rejected")


async def recognize(socket: WebSocket, control: Control, access: Access) -> None:
    """Serve one client to its end."""
    asked = SUBPROTOCOL in socket.scope["subprotocols"]
    await socket.accept(subprotocol=SUBPROTOCOL if asked else None)
    session = _Session(socket, control)
    try:
        try:
            if not access.recognise:
                raise ProtocolError("this client may only watch", "Use the token to control")
            await session.run()
        except ProtocolError as error:
            await session.end(_error("bad-message", error), REFUSED)
        except BusyError as error:
            await session.end(_error("busy", error), TRY_LATER)
        except AudioError as error:
            await session.end(_error("audio", error), WRONG)
        except SttError as error:
            await session.end(_error("refused", error), WRONG)
    except TimeoutError:
        logger.info("a client is stuck")
        connection_of(socket).abort()
    except (WebSocketDisconnect, RuntimeError):
        logger.debug("a client has gone")


def _error(code: str, error: SttError) -> ErrorMessage:
    return ErrorMessage(code=code, message=error.message, remedy=error.remedy)


class _Session:
    """One connection. Owned by the server's thread."""

    def __init__(self, socket: WebSocket, control: Control) -> None:
        self._socket = socket
        self._control = control
        self._call = Call()
        self._inlet = Inlet()

    async def run(self) -> None:
        await self._say(
            Hello(
                server=f"stt-service {__version__}",
                session=secrets.token_hex(4),
                kinds=KINDS,
                may=("start", "end", "ping"),
                state=messages.state_of(self._control.state()),
            )
        )
        first = await self._next(FIRST_MESSAGE_SECONDS)
        start = commands.StartCommand(type="start")
        if isinstance(first, commands.StartCommand):
            start = first
        elif not isinstance(first, bytes):
            raise ProtocolError("the first message is start, or audio with a WAV header")
        raw = None
        if start.rate is not None:
            raw = RawFormat(start.rate, start.channels, start.encoding)
        tasks: list[asyncio.Task[None]] = []
        try:
            caller = await self._call.open(self._control, start.wishes())
            tasks.append(asyncio.create_task(self._feed(raw, caller)))
            self._call.depends_on(tasks[0])
            if isinstance(first, bytes):
                await self._inlet.put(first)
            else:
                await self._say(Done(id=start.id))
            tasks.append(asyncio.create_task(self._receive()))
            async for heard in self._call.results():
                await self._say(messages.message_of(heard))
        finally:
            self._inlet.close()
            self._call.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.end(Done(), FINISHED)

    async def _feed(self, raw: RawFormat | None, caller: Caller) -> None:
        try:
            await in_thread(lambda: feed_stream(self._inlet, raw, caller))
        except SttError as error:
            self._call.fail(error)

    async def _receive(self) -> None:
        try:
            while not isinstance(
                message := await self._next(AUDIO_IDLE_SECONDS), commands.EndCommand
            ):
                if isinstance(message, bytes):
                    await self._inlet.put(message)
                elif isinstance(message, commands.PingCommand):
                    await self._say(Pong(id=message.id))
                else:
                    raise ProtocolError("the audio has begun: start is too late")
            self._inlet.end()
            while isinstance(message := await self._next(None), commands.PingCommand | bytes):
                if isinstance(message, bytes):
                    raise ProtocolError("audio after end")
                await self._say(Pong(id=message.id))
            raise ProtocolError("nothing but ping may follow end")
        except SttError as error:
            self._call.fail(error)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            self._call.fail(SttError("the client has gone"))

    async def _next(self, seconds: float | None) -> commands.AudioCommand | bytes:
        try:
            async with asyncio.timeout(seconds):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise ProtocolError(f"nothing came for {seconds:g} s", "Connect again") from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", FINISHED))
        data: bytes | None = message.get("bytes")
        return commands.parse_audio_command(message["text"]) if data is None else data

    async def _say(self, message: messages.ServerMessage) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await self._socket.send_text(messages.encode(message))

    async def end(self, message: messages.ServerMessage, close: int) -> None:
        """Send a last message and close."""
        await self._say(message)
        await self._socket.close(close)
