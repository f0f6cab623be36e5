"""What is kept, for the page: whose consent is alive, and what waits for its review.

Each request opens the store for itself, in a thread of its own: a database belongs to the thread
that opened it, and the daemon's recorder has another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Annotated, Literal, Protocol, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.routing import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from stt_service.errors import ConsentError
from stt_service.server.calls import in_thread
from stt_service.server.problems import NotFoundError, may_control
from stt_service.store.consent import Actor, Scope, Standing
from stt_service.store.kept import Kept, Stats, Verdict, Which
from stt_service.store.shelf import Store
from stt_service.store.texts import CURRENT, consent_text
from stt_service.store.utterances import MAX_LABEL

PAGE = 100
"""Utterances in one answer: as many as somebody looks at before asking for more."""
MAX_PAGE = 1000
AT_ONCE = 2
"""Requests that use the store: the card is slow, and others want it too."""

_T = TypeVar("_T")


class Keeper(Protocol):
    """Where a store is, and how it is opened: :class:`stt_service.store.shelf.Shelf`."""

    def exists(self) -> bool:
        """Return whether there is a store. Raises :exc:`StoreError`."""

    def open(self, *, sweep: bool = True) -> AbstractContextManager[Store]:
        """Open it, made where it is missing. Raises :exc:`StoreError`."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentOf(BaseModel):
    """A consent that is alive."""

    id: str
    actor: Actor
    scope: Scope
    since: str
    text_version: int


class ConsentBody(BaseModel):
    """Whether what is said is kept."""

    saving: bool
    guests: bool
    owner: ConsentOf | None
    guest: ConsentOf | None
    newer_text: bool
    stats: dict[str, float]


class TextBody(BaseModel):
    """What is agreed to, in Markdown."""

    version: int
    sha256: str
    text: str


class Decision(_Body):
    """A change of mind."""

    action: Literal["give", "withdraw", "guests-come", "guests-go"]
    actor: Actor = "owner"
    scope: Scope = "keep"
    text_sha256: str = Field("", max_length=64)
    """Of the text that was shown: nobody agrees to one that they have not seen."""


class Label(_Body):
    """What was really said."""

    text: str = Field(max_length=MAX_LABEL)


class Review(_Body):
    """Whether it may leave; null takes a decision back."""

    verdict: Verdict | None


class UtteranceBody(BaseModel):
    """One utterance that is kept."""

    id: str
    saved: float
    """Seconds since 1970."""
    actor: Actor
    seconds: float
    text: str
    label: str | None
    review: Verdict | None
    leaves: float | None
    """When it may leave if its consent allows that, in seconds since 1970."""
    confidence: float
    alternatives: list[str]
    clipped: int
    overflows: int


class Listing(BaseModel):
    """Some of what is kept, newest first."""

    utterances: list[UtteranceBody]
    total: int
    """Of those that were asked for."""


class _Desk:
    """Has things done with the store, a few at a time. Owned by the loop."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._places = asyncio.Semaphore(AT_ONCE)

    async def ask(self, run: Callable[[Keeper], _T]) -> _T:
        async with self._places:
            return await in_thread(lambda: run(self._keeper))

    async def ask_for(self, name: str, run: Callable[[Store, Kept], _T]) -> _T:
        """Do something with one utterance, whose whole id is named."""

        def find(keeper: Keeper) -> _T:
            if keeper.exists():
                with keeper.open(sweep=False) as store:
                    if (one := store.utterances.find(name)) is not None:
                        return run(store, one)
            raise NotFoundError("this utterance is not kept, or no more")

        return await self.ask(find)


def add_kept(app: FastAPI, keeper: Keeper) -> None:
    """Add the routes of consent and utterances."""
    router, desk = APIRouter(prefix="/v1"), _Desk(keeper)
    _add_consent(router, desk)
    _add_utterances(router, desk)
    app.include_router(router)


def _add_consent(router: APIRouter, desk: _Desk) -> None:
    @router.get("/consent")
    async def consent() -> ConsentBody:
        """Say whether what is said is kept."""
        return await desk.ask(_consent)

    @router.get("/consent/text")
    async def text() -> TextBody:
        """Return what is agreed to."""
        current = consent_text()
        assert current is not None, "the current text is part of the package"
        return TextBody(version=current.version, sha256=current.sha256, text=current.text)

    @router.post("/consent")
    async def decide(request: Request, decision: Decision) -> ConsentBody:
        """Give or withdraw a consent, or say that guests have come or gone."""
        may_control(request)
        return await desk.ask(lambda keeper: _decide(keeper, decision))


def _consent(keeper: Keeper) -> ConsentBody:
    if not keeper.exists():  # looking makes no files
        return _consent_body(Standing(), Stats())
    with keeper.open(sweep=False) as store:
        return _consent_body(store.ledger.standing(), store.utterances.stats())


def _consent_body(standing: Standing, stats: Stats) -> ConsentBody:
    agreed = [one for one in (standing.owner, standing.guest) if one is not None]
    return ConsentBody(
        saving=standing.live is not None,
        guests=standing.guests,
        owner=ConsentOf(**asdict(standing.owner)) if standing.owner else None,
        guest=ConsentOf(**asdict(standing.guest)) if standing.guest else None,
        newer_text=any(one.text_version < CURRENT for one in agreed),
        stats=asdict(stats),
    )


def _decide(keeper: Keeper, decision: Decision) -> ConsentBody:
    current = consent_text()
    assert current is not None, "the current text is part of the package"
    if decision.action == "give" and decision.text_sha256 != current.sha256:
        raise ConsentError("this is not the text that is agreed to now", "Load the page again")
    if decision.action in ("withdraw", "guests-go") and not keeper.exists():
        return _consent(keeper)
    with keeper.open(sweep=False) as store:
        if decision.action == "give":
            store.ledger.give(decision.scope, "page", actor=decision.actor)
        elif decision.action == "withdraw":
            store.utterances.withdraw(decision.actor, "page")
        else:
            store.ledger.set_guests(present=decision.action == "guests-come", how="page")
    return _consent(keeper)


def _add_utterances(router: APIRouter, desk: _Desk) -> None:
    @router.get("/utterances")
    async def listing(
        request: Request,
        review: Which = "all",
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    ) -> Listing:
        """List what is kept, newest first."""
        may_control(request)
        return await desk.ask(lambda keeper: _listing(keeper, review, offset, limit))

    @router.delete("/utterances")
    async def delete_all(request: Request) -> dict[str, int]:
        """Delete all that is kept, here and wherever it was sent; the consent stays."""
        may_control(request)
        return {"deleted": await desk.ask(_delete_all)}

    @router.get("/utterances/{id}/sound", response_class=Response)
    async def sound(request: Request, id: str) -> Response:  # noqa: A002 -- as in the path
        """Return the sound as FLAC."""
        may_control(request)
        data = await desk.ask_for(id, lambda store, one: store.utterances.sound(one))
        return Response(data, media_type="audio/flac", headers={"Cache-Control": "no-store"})

    @router.put("/utterances/{id}/label")
    async def label(request: Request, id: str, label: Label) -> UtteranceBody:  # noqa: A002
        """Write down what was really said."""
        may_control(request)

        def write(store: Store, one: Kept) -> UtteranceBody:
            store.utterances.label(one, label.text)
            return _body(store, store.utterances.get(id))

        return await desk.ask_for(id, write)

    @router.put("/utterances/{id}/review")
    async def review(request: Request, id: str, review: Review) -> UtteranceBody:  # noqa: A002
        """Decide whether it may leave."""
        may_control(request)

        def decide(store: Store, one: Kept) -> UtteranceBody:
            store.utterances.review(one, review.verdict)
            return _body(store, store.utterances.get(id))

        return await desk.ask_for(id, decide)

    @router.delete("/utterances/{id}")
    async def delete(request: Request, id: str) -> dict[str, int]:  # noqa: A002
        """Delete it, here and wherever it was sent."""
        may_control(request)
        count = await desk.ask_for(id, lambda store, one: store.utterances.delete([one]))
        return {"deleted": count}


def _listing(keeper: Keeper, review: Which, offset: int, limit: int) -> Listing:
    if not keeper.exists():
        return Listing(utterances=[], total=0)
    with keeper.open(sweep=False) as store:
        found, total = store.utterances.page(review, offset, limit)
        return Listing(utterances=[_body(store, one) for one in found], total=total)


def _delete_all(keeper: Keeper) -> int:
    if not keeper.exists():
        return 0
    with keeper.open(sweep=False) as store:
        return store.utterances.delete(store.utterances.listing())


def _body(store: Store, kept: Kept) -> UtteranceBody:
    return UtteranceBody(
        id=kept.id,
        saved=kept.saved,
        actor=kept.actor,
        seconds=kept.seconds,
        text=kept.text,
        label=kept.label,
        review=kept.review,
        leaves=store.utterances.leaves(kept, store.grace),
        confidence=kept.confidence,
        alternatives=[one.text for one in kept.alternatives[1:]],
        clipped=kept.clipped,
        overflows=kept.overflows,
    )
