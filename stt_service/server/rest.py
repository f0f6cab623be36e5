"""What is asked for over HTTP: health, figures, recordings, the pages. Needs FastAPI.

:mod:`stt_service.server.app` imports it when somebody first asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from stt_service import __version__
from stt_service.errors import SttError
from stt_service.hub import Hub
from stt_service.listener.api import BusyError, Control, Wishes
from stt_service.server import messages
from stt_service.server.kept import Keeper, add_kept
from stt_service.server.limits import MAX_QUERY_TEXT, TRANSCRIBE
from stt_service.server.metrics import Metrics, ServiceCollector
from stt_service.server.page import add_page
from stt_service.server.problems import RefusedError, may_control
from stt_service.server.upload import FIELD, Recognition, TooLargeError, TooSlowError, Uploads


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


def make_rest(
    hub: Hub,
    control: Control,
    server_counts: Callable[[], Mapping[str, float]],
    keeper: Keeper | None,
) -> FastAPI:
    """Return the HTTP part as an ASGI application; ``server_counts`` are figures of the server."""
    app = FastAPI(
        title="stt-service",
        version=__version__,
        description="Speech to text on this machine. WebSockets: see docs/protocol.md.",
        docs_url=None,  # both pages load their scripts from other machines
        redoc_url=None,
    )
    add_page(app)
    _add_health(app, control, Metrics(ServiceCollector(hub, control, server_counts)))
    _add_transcribe(app, control)
    if keeper is not None:
        add_kept(app, keeper)
    return app


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
