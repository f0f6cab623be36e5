"""What all commands that talk to a running daemon have in common: where it is, and the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from stt_service.cli.common import Context

if TYPE_CHECKING:
    from stt_service.client import Where

URL = click.option(
    "--url", metavar="URL", envvar="STT_SERVICE_URL", help="Where it is; else as the settings say."
)
TOKEN = click.option(
    "--token", metavar="TOKEN", envvar="STT_SERVICE_TOKEN", help="Better: STT_SERVICE_TOKEN."
)


def reaching(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--url`` and ``--token``."""
    return URL(TOKEN(command))


def where(
    context: Context, url: str | None, token: str | None, kinds: tuple[str, ...] | None = None
) -> Where:
    """Return how to reach the daemon that the options or the settings mean.

    Raises :exc:`SttError` for settings and token files that cannot be read.
    """
    from stt_service import client  # noqa: PLC0415 -- `--help` need not wait for it
    from stt_service.app_server import read_tokens  # noqa: PLC0415
    from stt_service.server.messages import DEFAULT_KINDS  # noqa: PLC0415

    if url is None:
        server = context.settings().server
        if server.socket != "none":
            url = f"unix:{server.socket.expanduser()}"
        else:
            wild = server.host in ("0.0.0.0", "::")  # noqa: S104 -- compared, not bound
            host = "127.0.0.1" if wild else server.host
            scheme = "ws" if server.tls_certificate == "none" else "wss"
            url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}"
        if token is None and server.token_file != "none":  # noqa: S105 -- no token
            token = read_tokens(server.token_file.expanduser())[0]
    return client.Where(url, token, DEFAULT_KINDS if kinds is None else kinds)
