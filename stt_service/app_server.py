"""The composition root's part for the server: settings, a hub and a control in, a port out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.errors import ConfigError
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.hub import Hub
    from stt_service.listener.api import Control
    from stt_service.server.security import Door
    from stt_service.server.serve import Server

logger = logging.getLogger(__name__)

TOKEN_FILE_BYTES = 4096
"""Two tokens and a good deal of space; no other file is read by mistake."""


def start_server(settings: Settings, hub: Hub, control: Control) -> Server:
    """Return a running server, for the caller to close. Raises :exc:`SttError`."""
    from stt_service.app_store import make_shelf
    from stt_service.server.app import make_app
    from stt_service.server.security import make_door
    from stt_service.server.serve import Address, Server

    given = settings.server
    token, watch_token = read_tokens(_path(given.token_file))
    address = Address(
        given.host,
        given.port,
        _path(given.socket),
        certificate=_path(given.tls_certificate),
        key=_path(given.tls_key),
    )
    host = "localhost" if address.path is not None else given.host

    def door(port: int) -> Door:
        return make_door(
            host,
            port,
            tls=address.certificate is not None,
            hosts=given.hosts,
            origins=given.origins,
            token=token,
            watch_token=watch_token,
        )

    door(given.port)  # what is wrong with it is said before a port is taken
    server = Server(address)
    try:
        app = make_app(
            hub,
            control,
            door(server.port),
            clients=given.clients,
            keeper=make_shelf(settings),
        )
        server.start(app, clients=given.clients)
    except BaseException:
        server.close()
        raise
    logger.info("serving %s", server.url)
    return server


def read_tokens(path: Path | None) -> tuple[str | None, str | None]:
    """Return the token to control and the one to watch: the first two lines of a file.

    Raises :exc:`ConfigError` for a file that is not there, or that others may read.
    """
    if path is None:
        return None, None
    try:
        with path.open("rb") as file:
            lines = file.read(TOKEN_FILE_BYTES).decode("ascii", "replace").splitlines()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"server.token_file: {path} cannot be read: {error.strerror or error}",
            f"Make one: openssl rand -hex 32 > {path}; chmod 600 {path}",
        ) from error
    if mode & 0o004:
        raise ConfigError(
            f"server.token_file: every user of this machine may read {path}",
            f"chmod 640 {path}",
        )
    tokens = [line.strip() for line in lines if line.strip()]
    if not tokens:
        raise ConfigError(f"server.token_file: {path} is empty", f"openssl rand -hex 32 > {path}")
    return tokens[0], tokens[1] if len(tokens) > 1 else None


def _path(value: str | Path) -> Path | None:
    return None if value == "none" else Path(value).expanduser()
