"""All routes of the one port. Receives a hub, a control and plain values; knows no listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stt_service import __version__
from stt_service.errors import SttError
from stt_service.hub import Hub
from stt_service.listener.api import BusyError, Control, Wishes
from stt_service.server import messages
from stt_service.server.kept import Keeper, add_kept
from stt_service.server.limits import MAX_QUERY_TEXT
from stt_service.server.messages import DEFAULT_KINDS, KINDS
from stt_service.server.metrics import Metrics, ServiceCollector
from stt_service.server.page import HEADERS, add_page
from stt_service.server.patience import bounded
from stt_service.server.problems import RefusedError, may_control
from stt_service.server.recognize import recognize
from stt_service.server.security import Door, Doorkeeper
from stt_service.server.transcripts import Clients
from stt_service.server.upload import FIELD, Recognition, TooLargeError, TooSlowError, Uploads

DEFAULT_CLIENTS = 256
"""Subscribers at once: many more than a house has, few enough for a board's memory."""
TRANSCRIBE = "/v1/transcribe"
"""Reads its large bodies itself."""


class Problem(BaseModel):
    """Why a request was not served."""

    code: str
    message: str
    remedy: str = ""


class Status(messages.StateBody):
    """What is the case now, with figures."""

    version: str
    callers: int
    counts: dict[str, float]


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


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

    app = FastAPI(
        title="stt-service",
        version=__version__,
        description="Speech to text on this machine. WebSockets: see docs/protocol.md.",
        docs_url=None,  # both pages load their scripts from other machines
        redoc_url=None,
    )
    doorkeeper = Doorkeeper(bounded(app, frozenset({TRANSCRIBE})), door)

    def server_counts() -> Mapping[str, float]:
        return {
            "clients": subscribers.now,
            "clients_total": subscribers.total,
            "clients_refused_total": subscribers.refused,
            "clients_slow_total": subscribers.slow,
            "requests_refused_total": doorkeeper.refused,
        }

    add_page(app)
    _add_health(app, control, Metrics(ServiceCollector(hub, control, server_counts)))
    _add_transcribe(app, control)
    _add_sockets(app, control, subscribers)
    if keeper is not None:
        add_kept(app, keeper)
    return _with_headers(doorkeeper)


def _add_health(app: FastAPI, control: Control, metrics: Metrics) -> None:
    @app.get("/healthz")
    async def healthz() -> Health:
        """Say that the server answers."""
        return Health()

    @app.get("/readyz", responses={503: {"model": messages.StateBody}})
    async def readyz(response: Response) -> messages.StateBody:
        """Say whether what is said now would be recognised: 200, or 503 and why not."""
        state = control.state()
        response.status_code = 200 if state.ready else 503
        return messages.state_of(state)

    @app.get("/v1/status")
    async def status() -> Status:
        """Return the state with all figures."""
        state = control.state()
        return Status(
            **messages.state_of(state).model_dump(),
            version=__version__,
            callers=state.callers,
            counts=dict(state.counts),
        )

    @app.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Return all figures for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_transcribe(app: FastAPI, control: Control) -> None:
    uploads = Uploads(control)
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {
        "schema": {
            "type": "object",
            "properties": {FIELD: {"type": "string", "format": "binary"}},
            "required": [FIELD],
        }
    }
    kinds = ("audio/wav", "audio/flac", "audio/ogg", "application/octet-stream")
    statuses = (400, 401, 403, 408, 413, 503)

    @app.post(
        TRANSCRIBE,
        responses={status: {"model": Problem} for status in statuses},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {**dict.fromkeys(kinds, binary), "multipart/form-data": form},
            }
        },
    )
    async def transcribe(
        request: Request,
        phrases: Annotated[str | None, Query(max_length=MAX_QUERY_TEXT)] = None,
        phrases_mode: Literal["strict", "bias"] = "strict",
        alternatives: Annotated[int, Query(ge=1, le=100)] = 1,
        endpoints: bool = True,
    ) -> Recognition:
        """Recognise a recording: WAV, FLAC or Ogg as the body, or a form with the file `audio`."""
        may_control(request)
        wishes = Wishes(
            phrases=phrases or None,
            phrases_mode=phrases_mode,
            alternatives=alternatives,
            endpoints=endpoints,
        )
        return await uploads.recognise(request, wishes)

    @app.exception_handler(SttError)
    async def refuse(request: Request, error: SttError) -> JSONResponse:  # noqa: ARG001
        status, code = 400, "refused"
        headers = None
        if isinstance(error, RefusedError):
            status, code = error.status, error.problem
        elif isinstance(error, BusyError):
            status, code, headers = 503, "busy", {"Retry-After": "1"}
        elif isinstance(error, TooLargeError):
            status, code = 413, "too-large"
        elif isinstance(error, TooSlowError):
            status, code = 408, "too-slow"
        problem = Problem(code=code, message=error.message, remedy=error.remedy)
        return JSONResponse(problem.model_dump(), status, headers)


def _add_sockets(app: FastAPI, control: Control, subscribers: Clients) -> None:
    @app.websocket("/v1/transcripts")
    async def transcripts(socket: WebSocket, kinds: str | None = None) -> None:
        wanted = DEFAULT_KINDS if kinds is None else tuple(kinds.split(","))
        known = tuple(kind for kind in KINDS if kind in wanted)
        await subscribers.serve(socket, socket.state.access, known)

    @app.websocket("/v1/recognize")
    async def audio(socket: WebSocket) -> None:
        await recognize(socket, control, socket.state.access)


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
