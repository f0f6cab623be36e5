"""A client of the daemon: what is heard, as it is heard, for as long as anybody wants to know.

    for message in Client().messages():                      # plain code
        if isinstance(message, Final):
            print(message.text)

    async for message in AsyncClient().messages():           # asyncio
        ...

The connection is made again when it breaks, for ever, and :class:`Disconnected` says so in between;
the ``hello`` that follows carries the state, so that nothing has to be remembered.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from pydantic import BaseModel
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect as connect_sync

from stt_service.errors import SttError
from stt_service.server import commands
from stt_service.server.messages import (
    DEFAULT_KINDS,
    Done,
    ErrorMessage,
    Hello,
    Pong,
    ServerMessage,
    StateBody,
    parse_message,
)

DEFAULT_URL = "ws://127.0.0.1:8765"
OPEN_SECONDS = 5.0
"""For a connection to be made, and for a command to be answered."""
PING_SECONDS = 10.0
"""Between pings, and for their answers: a daemon that lost its power is noticed after both."""
RETRY_SECONDS = 0.25
"""Before the first new attempt; doubled for each that fails, up to the next."""
RETRY_LIMIT_SECONDS = 10.0
MAX_MESSAGE_BYTES = 1 << 20
"""Of one message from the daemon; finals of the longest utterances have a tenth of it."""
PATH = "/v1/transcripts"
REFUSED = (401, 403, 421)
"""Statuses of HTTP that no new attempt changes."""


class ClientError(SttError):
    """The daemon is not there, or refuses."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection has broken, or could not be made; another attempt follows."""

    reason: str
    seconds: float
    """Until the next attempt."""


Received: TypeAlias = ServerMessage | Disconnected


@dataclass(frozen=True, slots=True)
class Where:
    """A daemon and how to enter. Raises :exc:`ClientError` for what is no address."""

    url: str = DEFAULT_URL
    """``ws://``, ``wss://``, ``http://`` or ``https://``; or ``unix:PATH``."""
    token: str | None = None
    kinds: tuple[str, ...] = DEFAULT_KINDS
    """Kinds of events to get."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss", "http", "https", "unix") or (
            parts.scheme != "unix" and not parts.hostname
        ):
            raise ClientError(
                f"{self.url!r} is no address of a daemon", f"Write it like {DEFAULT_URL}"
            )

    @property
    def socket(self) -> str | None:
        """Path of a Unix socket, None for TCP."""
        return self.url.removeprefix("unix:") if self.url.startswith("unix:") else None

    @property
    def address(self) -> str:
        """The WebSocket's address."""
        kinds = quote(",".join(self.kinds), safe=",")
        if self.socket is not None:
            return f"ws://localhost{PATH}?kinds={kinds}"
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme in ("wss", "https") else "ws"
        return f"{scheme}://{parts.netloc}{PATH}?kinds={kinds}"

    def options(self) -> dict[str, Any]:
        """Return what both kinds of connection are opened with."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        options: dict[str, Any] = {
            "additional_headers": headers,
            "open_timeout": OPEN_SECONDS,
            "close_timeout": 1,
            "ping_interval": PING_SECONDS,
            "ping_timeout": PING_SECONDS,
            "max_size": MAX_MESSAGE_BYTES,
            "compression": None,
            "proxy": None,
        }
        return options


def _explain(where: Where, error: Exception) -> ClientError | None:
    """Return what no new attempt changes, None for all else."""
    if isinstance(error, InvalidStatus) and error.response.status_code in REFUSED:
        status = error.response.status_code
        remedy = {
            401: "Give the right token (`--token`, or STT_SERVICE_TOKEN)",
            403: "Add the page's origin to server.origins",
            421: "Add the name to server.hosts, or use the machine's address",
        }[status]
        return ClientError(f"the daemon at {where.url} refuses (HTTP {status})", remedy)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        return error.rcvd.reason if error.rcvd and error.rcvd.reason else "the connection broke"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the number, which says nothing more
    return str(error) or type(error).__name__


class _Patience:
    """Seconds to wait: more each time, never all clients at once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._next = RETRY_SECONDS

    def seconds(self) -> float:
        now = self._next
        self._next = min(RETRY_LIMIT_SECONDS, 2 * now)
        return now * random.uniform(0.75, 1.25)  # noqa: S311 -- spreads, keeps no secret


class AsyncClient:
    """For asyncio. ``messages`` is iterated by one task; commands may come from others."""

    def __init__(self, where: Where | str = DEFAULT_URL) -> None:
        self.where = Where(where) if isinstance(where, str) else where
        self._socket: Any = None

    async def messages(self) -> AsyncIterator[Received]:
        """Yield everything, for ever. Raises :exc:`ClientError` when the daemon refuses."""
        patience = _Patience()
        while True:
            try:
                async with self._connect() as socket:
                    self._socket = socket
                    async for text in socket:
                        patience.reset()
                        message = parse_message(text)
                        if message is not None:
                            yield message
                    reason = "the daemon has closed the connection"
            except (OSError, WebSocketException, TimeoutError) as error:
                refusal = _explain(self.where, error)
                if refusal is not None:
                    raise refusal from error
                reason = _reason(error)
            finally:
                self._socket = None
            seconds = patience.seconds()
            yield Disconnected(reason, seconds)
            await asyncio.sleep(seconds)

    def _connect(self) -> Any:  # noqa: ANN401 -- one of two classes without a common name
        # `async with` alone: iterating over connect() would retry by rules of its own.
        if self.where.socket is not None:
            from websockets.asyncio.client import unix_connect  # noqa: PLC0415

            return unix_connect(self.where.socket, self.where.address, **self.where.options())
        return connect_async(self.where.address, **self.where.options())

    async def send(self, command: commands.Command) -> None:
        """Send a command; its answer comes among the messages. Raises :exc:`ClientError`."""
        if self._socket is None:
            raise ClientError("there is no connection now", "Try again after the next hello")
        try:
            await self._socket.send(commands.encode(command))
        except ConnectionClosed as error:
            raise ClientError("the connection broke", "Try again after the next hello") from error


class Client:
    """For plain code. ``messages`` is iterated by one thread; any thread may send and close."""

    def __init__(self, where: Where | str = DEFAULT_URL) -> None:
        self.where = Where(where) if isinstance(where, str) else where
        self._socket: Any = None
        self._closed = threading.Event()

    def messages(self) -> Iterator[Received]:
        """Yield everything until :meth:`close`. Raises :exc:`ClientError` for a refusal."""
        patience = _Patience()
        while not self._closed.is_set():
            try:
                with self._connect() as socket:
                    self._socket = socket
                    for text in socket:
                        patience.reset()
                        message = parse_message(text)
                        if message is not None:
                            yield message
                    reason = "the daemon has closed the connection"
            except (OSError, WebSocketException, TimeoutError) as error:
                refusal = _explain(self.where, error)
                if refusal is not None:
                    raise refusal from error
                reason = _reason(error)
            finally:
                self._socket = None
            if self._closed.is_set():
                return
            seconds = patience.seconds()
            yield Disconnected(reason, seconds)
            self._closed.wait(seconds)

    def _connect(self) -> Any:  # noqa: ANN401 -- as above
        if self.where.socket is not None:
            from websockets.sync.client import unix_connect  # noqa: PLC0415

            return unix_connect(self.where.socket, self.where.address, **self.where.options())
        return connect_sync(self.where.address, **self.where.options())

    def send(self, command: commands.Command) -> None:
        """Send a command; its answer comes among the messages. Raises :exc:`ClientError`."""
        socket = self._socket
        if socket is None:
            raise ClientError("there is no connection now", "Try again after the next hello")
        try:
            socket.send(commands.encode(command))
        except ConnectionClosed as error:
            raise ClientError("the connection broke", "Try again after the next hello") from error

    def close(self) -> None:
        """End ``messages``. Harmless when already closed."""
        self._closed.set()
        socket = self._socket
        if socket is not None:
            socket.close()

    def ask(self, command: commands.Command) -> StateBody:
        """Connect, have one command carried out, and leave; return what was the case before.

        Raises :exc:`ClientError` when nobody is there, when it is refused, or not answered in time.
        """
        try:
            with self._connect() as socket:
                socket.send(commands.encode(command))
                deadline = time.monotonic() + OPEN_SECONDS
                before: StateBody | None = None
                while True:
                    answer = parse_message(socket.recv(deadline - time.monotonic()))
                    if isinstance(answer, ErrorMessage):
                        raise ClientError(answer.message, answer.remedy)
                    if isinstance(answer, Hello):  # the first message of every connection
                        before = answer.state
                    if isinstance(answer, Done | Pong) and before is not None:
                        return before
        except TimeoutError as error:
            raise ClientError(f"the daemon at {self.where.url} does not answer") from error
        except (OSError, WebSocketException) as error:
            raise _explain(self.where, error) or ClientError(
                f"there is no daemon at {self.where.url}: {_reason(error)}",
                "Start one with `stt-service run`, or name its address with --url",
            ) from error


def as_mapping(message: Received) -> Mapping[str, Any]:
    """Return a message as JSON has it; a broken connection as type ``disconnected``."""
    if isinstance(message, BaseModel):
        return message.model_dump(mode="json")
    return {"type": "disconnected", "reason": message.reason, "seconds": message.seconds}
