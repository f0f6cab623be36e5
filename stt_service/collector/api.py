"""The collector's requests from devices: HTTP and JSON here, what is done elsewhere.

docs/collection.md describes them for whoever writes the other side.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from stt_service import __version__
from stt_service.collector import admission
from stt_service.collector.body import read_parts
from stt_service.collector.bounds import BODY_SECONDS, Bounded
from stt_service.collector.collection import Collection
from stt_service.collector.intake import read_meta
from stt_service.collector.metrics import Metrics
from stt_service.collector.refusal import RefusedError
from stt_service.collector.tagging_api import add_tagger
from stt_service.errors import CollectorError

logger = logging.getLogger(__name__)

MAX_META = 64 << 10
"""Bytes of a request's first part."""
RETRY_SECONDS = 30
"""After which a device asks again when the database or the disk fails."""
MAX_BODIES = 32
"""Utterances whose bodies a process takes at once: 8 MiB each at most."""
CLOCK = time.time

Digits32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Digits64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
UtteranceId = Annotated[str, InPath(pattern=r"^[0-9a-f]{32}$")]
Authorization = Annotated[str, Header()]


class EnrolBody(BaseModel):
    """Somebody who asks to be let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pseudonym: Digits32
    token_sha256: Digits64
    challenge: str = Field(default="", max_length=128)
    nonce: str = Field(default="", max_length=admission.MAX_NONCE)
    invitation: str = Field(default="", max_length=128)


def make_app(collection: Collection, *, clock: Callable[[], float] = CLOCK) -> FastAPI:
    """Return the application: devices, taggers, those who watch over it."""
    app = FastAPI(
        title="stt-service collector",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # an address has one spelling
    )
    metrics = Metrics(collection)
    app.add_middleware(Bounded)
    _add_errors(app)
    _add_joining(app, collection, clock)
    _add_utterances(app, collection, metrics, clock)
    _add_health(app, collection, metrics)
    add_tagger(app, collection.tagging, clock=clock)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refuse(_request: Request, error: RefusedError) -> JSONResponse:
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return _error(error.status, error.message, error.remedy, headers)

    @app.exception_handler(CollectorError)
    async def later(_request: Request, error: CollectorError) -> JSONResponse:
        # What failed is for the host's log; a device is to come again.
        logger.error("%s", error)
        return _error(
            503, "the collector cannot store", "Later", {"Retry-After": str(RETRY_SECONDS)}
        )

    @app.exception_handler(RequestValidationError)
    async def mistaken(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(one) for one in first["loc"])
        return _error(422, f"{place}: {first['msg']}", "See docs/collection.md")

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, str(error.detail), "", dict(error.headers or {}))


def _error(
    status: int, message: str, remedy: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"error": message, "remedy": remedy}, status, headers)


def _add_joining(app: FastAPI, collection: Collection, clock: Callable[[], float]) -> None:
    @app.get("/v1/terms")
    async def terms() -> dict[str, object]:
        """Return what a device may send, and under which consent texts."""
        limits = asdict(collection.limits)
        open_to_all = collection.bits is not None
        return {
            "version": 1,
            "open": open_to_all,
            "texts": sorted(collection.texts),
            "limits": limits,
        }

    @app.get("/v1/challenge")
    async def challenge() -> dict[str, object]:
        """Return a piece of work that lets somebody in."""
        if collection.bits is None:
            raise admission.by_invitation()
        body, expires = admission.new_challenge(collection.key, int(clock()))
        return {"challenge": body, "bits": collection.bits, "expires": expires}

    @app.post("/v1/enrol", status_code=201)
    def enrol(body: EnrolBody, response: Response) -> dict[str, str]:
        """Let a pseudonym in: work proved, or an invitation."""
        if not collection.enrol(admission.Joining(**body.model_dump()), int(clock())):
            response.status_code = 200
        return {"pseudonym": body.pseudonym}


def _add_utterances(
    app: FastAPI, collection: Collection, metrics: Metrics, clock: Callable[[], float]
) -> None:
    limits = {"meta": MAX_META, "sound": collection.limits.bytes}
    places = asyncio.Semaphore(MAX_BODIES)

    @app.put("/v1/utterances/{utterance}", status_code=201)
    async def put(
        request: Request,
        utterance: UtteranceId,
        response: Response,
        authorization: Authorization = "",
        content_type: Authorization = "",
    ) -> dict[str, str]:
        """Store an utterance; the same again is answered the same."""
        token = _credential(authorization, "bearer")
        now = int(clock())
        opening = await run_in_threadpool(collection.intake.open, token, utterance, now)
        if places.locked():
            raise RefusedError(429, "many send at once", "Later", retry_after=RETRY_SECONDS)
        async with places:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    parts = await read_parts(content_type, request.stream(), limits)
            except (ClientDisconnect, TimeoutError):
                raise RefusedError(408, "the body did not come whole", "Send it again") from None
            meta = read_meta(parts["meta"])
            with metrics.receiving.time():
                done = await run_in_threadpool(
                    collection.intake.receive, opening, meta, parts["sound"], now
                )
        if not done.new:
            response.status_code = 200
        return {"id": done.id, "received": done.received}

    @app.delete("/v1/utterances/{utterance}")
    def delete(utterance: UtteranceId, authorization: Authorization = "") -> dict[str, object]:
        """Delete an utterance, by its own token."""
        done = collection.removal.delete(utterance, _credential(authorization, "deletion"))
        answer: dict[str, object] = {
            "id": done.id,
            "deleted": done.deleted,
            "receipt": done.receipt,
        }
        return {**answer, "unknown": True} if done.unknown else answer

    @app.get("/v1/revocations")
    def revocations(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    ) -> dict[str, object]:
        """Return what was deleted after a number."""
        found = collection.removal.revocations(after)
        return {
            "revocations": [asdict(one) for one in found],
            "next": found[-1].number if found else after,
        }


def _credential(authorization: str, scheme: str) -> str:
    found, _, secret = authorization.partition(" ")
    if found.lower() != scheme or not 16 <= len(secret.strip()) <= 256:
        raise RefusedError(401, f"`Authorization: {scheme.title()} TOKEN` is needed", "Send it")
    return secret.strip()


def _add_health(app: FastAPI, collection: Collection, metrics: Metrics) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that this process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        """Say that the database and the place for sound work."""
        collection.check()
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response)
    def measured() -> Response:
        """Return figures for Prometheus."""
        return Response(metrics.text(), media_type=metrics.content_type)
