"""Runs the app on uvicorn in a thread of its own: started and stopped by whoever owns it.

    Server.start ──► socket bound ──► thread: uvicorn, its event loop ──► Server.close

Everything that can be wrong with an address is raised by ``start``, before there is a thread.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from stt_service.closing import Closing
from stt_service.errors import ConfigError, SttError
from stt_service.server.connection import EXTENSION
from stt_service.server.limits import (
    MAX_MESSAGE_BYTES,
    PING_SECONDS,
    PONG_SECONDS,
    SEND_BUFFER_BYTES,
)
from stt_service.server.patience import PatientProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn._types import ASGISendEvent

logger = logging.getLogger(__name__)

START_SECONDS = 10.0
"""For the event loop to run; a board that swaps takes one or two."""
STOP_SECONDS = 2
"""For connections to end; what is left then is cut."""
LOOK_SECONDS = 0.01
"""Between looks at whether it has started."""
KEEP_ALIVE_SECONDS = 30
"""For the next request over the same connection."""
BACKLOG = 128
"""Connections that may wait to be accepted."""
NOT_TEXT = 1007
"""Close code of the WebSocket protocol: a message is not what its type says."""
OTHER_CONNECTIONS = 64
"""Beside those that subscribe: pages, scrapes, audio. More are answered with 503."""


class ServerError(SttError):
    """The server cannot start."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and with which certificate."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 for any that is free."""
    path: Path | None = None
    """A Unix socket instead of host and port."""
    certificate: Path | None = None
    """PEM file; both or neither."""
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError(
                "server.tls_certificate and server.tls_key go together", "Set both or none"
            )


class _Protocol(WebSocketsSansIOProtocol):
    """Takes frames that are made already, and lets itself be cut."""

    async def run_asgi(self) -> None:
        extensions = cast(dict[str, object], self.scope["extensions"])
        extensions[EXTENSION] = self
        await super().run_asgi()

    def put(self, frame: bytes) -> bool:
        """See :class:`stt_service.server.connection.Connection`."""
        open_ = self.handshake_complete and self.conn.state is State.OPEN
        if not open_ or not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True

    def abort(self) -> None:
        """See :class:`stt_service.server.connection.Connection`."""
        self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # A refusal ends the handshake; uvicorn would log each one as an error of the app.
            self.handshake_complete = True

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:  # uvicorn would log a traceback for each
                logger.info("a client has sent text that is not UTF-8")
                self.frames = []
                self.conn.fail(NOT_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class _Uvicorn(uvicorn.Server):
    """Sleeps until it is told to end; the original looks ten times a second whether it was."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)  # the headers of all answers
        if not self.should_exit:
            await self._told.wait()

    def end(self) -> None:
        """Have it end. Any thread may call."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop has ended already
                self._loop.call_soon_threadsafe(self._told.set)


class Server(Closing):
    """One running server. ``start`` and ``close`` are for one thread; the loop has its own."""

    def __init__(self, address: Address) -> None:
        """Bind the address, so that its port is known. Raises :exc:`ServerError`."""
        self._address = address
        self._socket = _bind(address)
        self._server: _Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    @property
    def port(self) -> int:
        """TCP port, 0 of a Unix socket."""
        return 0 if self._address.path is not None else int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where a browser finds the page; of a Unix socket its path."""
        if self._address.path is not None:
            return f"unix:{self._address.path}"
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        scheme = "https" if self._address.certificate is not None else "http"
        return f"{scheme}://{host}:{self.port}/"

    def start(self, app: ASGIApp, *, clients: int) -> None:
        """Serve; return when connections are accepted. ``clients`` subscribe, some others ask.

        Raises :exc:`ServerError`, and :exc:`ConfigError` for a certificate that cannot be used.
        """
        server = _Uvicorn(_configure(app, self._address, clients))
        self._server = server
        self._socket.listen(BACKLOG)
        self._thread = threading.Thread(
            target=self._run, args=(server,), name="server", daemon=True
        )
        self._thread.start()
        waited = 0.0
        while not server.started:
            if self._ended.wait(LOOK_SECONDS):
                raise ServerError("the server has ended while starting", "See the log")
            waited += LOOK_SECONDS
            if waited > START_SECONDS:
                raise ServerError(f"the server has not started within {START_SECONDS:g} s")

    def _run(self, server: _Uvicorn) -> None:
        # Outside of the main thread uvicorn installs no signal handlers.
        try:
            asyncio.run(server.serve(sockets=[self._socket]))
        except Exception:  # the edge of a thread
            logger.exception("the server has died")
        finally:
            self._ended.set()

    def close(self) -> None:
        """End all connections within a named time. Harmless when already closed."""
        if self._server is not None and self._thread is not None:
            self._server.end()
            self._thread.join(STOP_SECONDS + 1)
            if self._thread.is_alive():
                self._server.force_exit = True
                self._thread.join(1)
        self._socket.close()
        if self._address.path is not None:
            self._address.path.unlink(missing_ok=True)


def _configure(app: ASGIApp, address: Address, clients: int) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        ws=_Protocol,
        http=PatientProtocol,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        ws_per_message_deflate=False,  # costs memory for each client, and time for each event
        limit_concurrency=clients + OTHER_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{address.certificate} and {address.key} cannot be used: {error}",
            "Both are PEM files, the key without a password, readable by this user",
        ) from error
    return config


def _bind(address: Address) -> socket.socket:
    try:
        listening = _unix(address.path) if address.path is not None else _tcp(address)
    except OSError as error:
        raise _explain(address, error) from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listening


def _tcp(address: Address) -> socket.socket:
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, place = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError:
        listening.close()
        raise
    return listening


def _unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)  # the owner and the group; the folder's rights say the rest
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _remove_stale(path: Path) -> None:
    """Remove a socket that a killed process has left behind, and nothing else."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _explain(address: Address, error: OSError) -> ServerError:
    place = str(address.path) if address.path is not None else f"{address.host}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        return ServerError(
            f"{place} is in use by another program",
            "Stop it, or set server.port (`--port`) to another one; "
            f"`ss -ltnp 'sport = :{address.port}'` names it",
        )
    if error.errno == errno.EACCES:
        return ServerError(
            f"this user may not listen at {place}", "Choose a port above 1023, or another folder"
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return ServerError(
            f"{place} is no address of this machine", "Set server.host to 127.0.0.1 or 0.0.0.0"
        )
    return ServerError(f"cannot listen at {place}: {error.strerror or error}")
