"""Who may connect: fixed lists for Host and Origin, and tokens. An ASGI wrapper around the app.

request ──► Host known? ──► Origin absent or known? ──► token right? ──► app

Host stops DNS rebinding: a page of evil.example that makes its own name point here still sends that
name. Origin stops other pages' scripts, which browsers let open WebSockets to anywhere. Neither
list is ever made from what a request says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from stt_service.errors import ConfigError
from stt_service.server.commands import CONTROLLING, FREE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
"""A token: fits a header, a URL and a WebSocket subprotocol as it is. Shorter ones can be guessed;
``openssl rand -hex 32`` makes one."""
SUBPROTOCOL = "stt-service.v1"
"""Names the protocol where a browser has to name one beside its token."""
TOKEN_SUBPROTOCOL = "stt-token."  # noqa: S105 -- a prefix, no token
"""Browsers cannot set headers of a WebSocket. A subprotocol is a header all the same, and unlike
``?token=`` it is written to no log, no history and no Referer."""
PAGES = ("/", "/app.js", "/view.js", "/style.css", "/icon.svg")
REVIEW = ("/review", "/review.js", "/review_view.js", "/review.css", "/wave.js")
OPEN_PATHS = frozenset((*PAGES, *REVIEW, "/healthz"))
"""What is served without a token: the pages, which ask for it, and the sign of life."""
REFUSED = 1008
"""Close code of the WebSocket protocol: policy violation."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection may do."""

    commands: tuple[str, ...]
    """Of /v1/transcripts."""
    recognise: bool
    """Whether it may have audio recognised."""


FULL = Access((*FREE, *CONTROLLING), recognise=True)
WATCH = Access(FREE, recognise=False)


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in."""

    hosts: frozenset[str]
    """Names in a Host header, lower case, without port."""
    origins: frozenset[str]
    """Pages that may connect, as browsers write their origin."""
    tokens: Mapping[bytes, Access] = field(default_factory=dict)
    """SHA-256 of each token, and what it is good for. Empty: no token is asked for."""


def make_door(
    host: str,
    port: int,
    *,
    tls: bool = False,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    token: str | None = None,
    watch_token: str | None = None,
) -> Door:
    """Return who is let in at an address; ``port`` 0 is that of a Unix socket.

    ``watch_token`` lets see, hear and ask, but change nothing. Raises :exc:`ConfigError` for an
    address off this machine without a token, and for tokens that can be guessed.
    """
    if token is None and watch_token is not None:
        raise ConfigError("a token to watch needs one to control beside it", "Set both")
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"server.host: {host} can be reached by other machines",
            "Set server.token_file; `openssl rand -hex 32` makes a token",
        )
    tokens = {}
    for one, access in ((watch_token, WATCH), (token, FULL)):
        if one is None:
            continue
        if not TOKEN.fullmatch(one):
            raise ConfigError(
                "a token has 16 to 256 letters, digits and . _ ~ -",
                "`openssl rand -hex 32` makes one",
            )
        tokens[hashlib.sha256(one.encode()).digest()] = access
    names = {"localhost", "127.0.0.1", "::1", *(name.lower() for name in hosts)}
    if is_wildcard(host):
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local"}
    else:
        names.add(host.lower())
    scheme = "https" if tls else "http"
    pages = {f"{scheme}://{_bracketed(name)}{_port(port, scheme)}" for name in names}
    return Door(frozenset(names), frozenset({*pages, *(one.lower() for one in origins)}), tokens)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address. A name other than localhost is not."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_wildcard(host: str) -> bool:
    """Return whether the address means all of this machine's."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _port(port: int, scheme: str) -> str:
    return "" if port in (0, {"http": 80, "https": 443}[scheme]) else f":{port}"


def host_name(header: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/@]+))(?::\d{1,5})?", header)
    return (found[1] or found[2]).lower() if found else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in."""

    status: int
    """Of HTTP."""
    code: str
    message: str
    remedy: str


class Doorkeeper:
    """Lets requests through to the app, or refuses them; puts :class:`Access` into the scope."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        self.refused = 0
        """Requests not let in. Written by the server's thread; any thread may read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        verdict = self.judge(scope)
        if isinstance(verdict, Access):
            scope.setdefault("state", {})["access"] = verdict
            await self._app(scope, receive, send)
            return
        self.refused += 1
        response = JSONResponse(
            {"code": verdict.code, "message": verdict.message, "remedy": verdict.remedy},
            verdict.status,
            {"WWW-Authenticate": "Bearer"} if verdict.status == 401 else None,
        )
        if scope["type"] == "http":
            await response(scope, receive, send)
            return
        try:
            await WebSocket(scope, receive, send).send_denial_response(response)
        except WebSocketDisconnect:
            return

    def judge(self, scope: Scope) -> Access | Refusal:
        """Return what a request may do, or why it is not let in."""
        headers, door = Headers(scope=scope), self._door
        named = headers.getlist("host")
        if len(named) != 1 or host_name(named[0]) not in door.hosts:
            return Refusal(
                421,
                "host",
                "this machine is not known by the name in the Host header",
                "Add the name to server.hosts",
            )
        pages = headers.getlist("origin")
        if pages and (len(pages) > 1 or pages[0].lower() not in door.origins):
            return Refusal(
                403, "origin", "this page may not connect", "Add its origin to server.origins"
            )
        if not door.tokens:
            return FULL
        access = self._access(headers)
        if access is not None:
            return access
        if scope["type"] == "http" and scope["path"] in OPEN_PATHS:
            return WATCH
        return Refusal(
            401,
            "token",
            "a token is needed, or this one is wrong",
            "Send it as `Authorization: Bearer TOKEN`",
        )

    def _access(self, headers: Headers) -> Access | None:
        """Compare all tokens in a time that says nothing about them: digests, and no early end."""
        shown = hashlib.sha256(_shown_token(headers).encode()).digest()
        found = None
        for digest, access in self._door.tokens.items():
            if hmac.compare_digest(digest, shown):
                found = access
        return found


def _shown_token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for offered in headers.getlist("sec-websocket-protocol"):
        for name in offered.split(","):
            if name.strip().startswith(TOKEN_SUBPROTOCOL):
                return name.strip().removeprefix(TOKEN_SUBPROTOCOL)
    return ""
