"""The tagger's requests: a page, and what it asks. JSON in, JSON out; docs/tagger.md has them all.

Who asks shows a key in a header. Nothing here works by cookie, so there is nothing that another
page could make a browser send: no forged request, whatever its origin. What other pages can still
do, ask for an invitation to be used, they cannot do in JSON without being asked first, and are not
answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stt_service.collector.agreement import MAX_TEXT, Reason
from stt_service.collector.tagging import Offer, Tagging
from stt_service.collector.tagging_people import TaggerError
from stt_service.collector.tagging_votes import Answer

PREFIX = "/tagger"
MAX_OWN = 50
"""Pseudonyms that somebody may name as their own: one for each device and change of mind."""

FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "tagger.js": ("tagger.js", "text/javascript; charset=utf-8"),
    "player.js": ("player.js", "text/javascript; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path below the prefix to file and type."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""With every answer below the prefix: no inline script or style, no other machine, no frame."""

Pseudonym = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Ticket = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JoinBody(_Body):
    """What turns an invitation into a key."""

    invitation: str = Field(min_length=1, max_length=128)


class NextBody(_Body):
    """What asks for a clip."""

    own: list[Pseudonym] = Field(default=[], max_length=MAX_OWN)
    """Pseudonyms of the asking person's own devices."""


class VoteBody(_Body):
    """What says something of a clip."""

    ticket: Ticket
    kind: Literal["text", "report", "skip"]
    text: str = Field(default="", max_length=MAX_TEXT)
    reason: Reason | None = None


class KeyAnswer(_Body):
    """A new key; it is shown once."""

    key: str


class OfferAnswer(_Body):
    """A clip to hear."""

    ticket: str
    seconds: float
    text: str
    """What a machine heard."""


class SavedAnswer(_Body):
    """A vote was noted."""

    today: int
    tagged: int


class MineAnswer(_Body):
    """What the asking person has done."""

    today: int
    tagged: int
    settled: int
    agreed: int


class AllAnswer(_Body):
    """What all have done; up to a minute old."""

    valid: int
    valid_seconds: float
    open: int
    invalid: int
    taggers: int


class ProgressAnswer(_Body):
    """How far things are."""

    you: MineAnswer
    all: AllAnswer


def _key(authorization: Annotated[str, Header()] = "") -> str:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise TaggerError(401, "a key is needed", "Join with an invitation")
    return key.strip()


def _same_page(
    sec_fetch_site: Annotated[str, Header()] = "", content_type: Annotated[str, Header()] = ""
) -> None:
    """Refuse other pages, and bodies that a form could send."""
    if sec_fetch_site not in ("", "same-origin", "none"):
        raise TaggerError(403, "another page asks this", "Open the tagger itself")
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise TaggerError(415, "only JSON is understood", "Send application/json")


Key = Annotated[str, Depends(_key)]


def add_tagger(app: FastAPI, tagging: Tagging, *, clock: Callable[[], float] = time.time) -> None:
    """Serve the tagger below ``/tagger/``. Database work happens in FastAPI's threads."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(_same_page)])
    _add_page(router)
    _add_requests(router, tagging, clock)
    app.include_router(router)

    @app.exception_handler(TaggerError)
    async def refuse(request: Request, error: TaggerError) -> JSONResponse:  # noqa: ARG001
        body = {"error": error.message, "remedy": error.remedy}
        return JSONResponse(body, error.status, HEADERS)


def _add_requests(router: APIRouter, tagging: Tagging, clock: Callable[[], float]) -> None:
    @router.post("/v1/join", status_code=201)
    def join(body: JoinBody, response: Response) -> KeyAnswer:
        """Turn an invitation into a key."""
        response.headers.update(HEADERS)
        return KeyAnswer(key=tagging.join(body.invitation, clock()))

    @router.post("/v1/next", response_model=OfferAnswer, responses={204: {"model": None}})
    def offer(body: NextBody, key: Key, response: Response) -> OfferAnswer | Response:
        """Return a clip to hear; 204 when there is none for this person now."""
        found = tagging.next(key, body.own, clock())
        if found is None:
            return Response(status_code=204, headers=HEADERS)
        response.headers.update(HEADERS)
        return _shown(found)

    @router.get("/v1/sound/{ticket}", response_class=Response)
    def sound(ticket: Ticket, key: Key) -> Response:
        """Return the sound of a clip in this person's hands, as FLAC."""
        return Response(
            tagging.sound(key, ticket, clock()), media_type="audio/flac", headers=HEADERS
        )

    @router.post("/v1/vote")
    def vote(body: VoteBody, key: Key, response: Response) -> SavedAnswer:
        """Note what somebody says of a clip; another vote on the same ticket replaces it."""
        response.headers.update(HEADERS)
        given = Answer(body.ticket, body.kind, body.text, body.reason)
        today, tagged = tagging.vote(key, given, clock())
        return SavedAnswer(today=today, tagged=tagged)

    @router.get("/v1/progress")
    def progress(key: Key, response: Response) -> ProgressAnswer:
        """Return how far this person and all are."""
        response.headers.update(HEADERS)
        you, everybody = tagging.progress(key, clock())
        return ProgressAnswer(
            you=MineAnswer(
                today=you.today, tagged=you.tagged, settled=you.settled, agreed=you.agreed
            ),
            all=AllAnswer(
                valid=everybody.valid,
                valid_seconds=everybody.valid_seconds,
                open=everybody.open,
                invalid=everybody.invalid,
                taggers=everybody.taggers,
            ),
        )


def _shown(offer: Offer) -> OfferAnswer:
    return OfferAnswer(ticket=offer.ticket, seconds=offer.seconds, text=offer.text)


def _add_page(router: APIRouter) -> None:
    folder = resources.files("stt_service.collector") / "web"
    for path, (name, kind) in FILES.items():
        router.add_api_route(
            f"/{path}",
            _answer((folder / name).read_bytes(), kind),
            methods=["GET"],
            include_in_schema=False,
        )

    @router.get("", include_in_schema=False)
    async def slash() -> RedirectResponse:
        return RedirectResponse(f"{PREFIX}/", 308, HEADERS)


def _answer(content: bytes, kind: str) -> Callable[[], Response]:
    def answer() -> Response:
        return Response(content, media_type=kind, headers={**HEADERS, "Cache-Control": "no-cache"})

    return answer
