"""Runs the collector: one process, or several that share a port.

Each process opens the database and the place for sound by itself; what they are told travels in
one environment variable, because uvicorn starts them by name.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

import uvicorn
from fastapi import FastAPI

from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from stt_service.collector.database import open_engine, prepare
from stt_service.collector.intake import Limits
from stt_service.collector.objects import open_objects
from stt_service.errors import CollectorError
from stt_service.store.texts import CURRENT, consent_text

PLAN = "STT_COLLECTOR_PLAN"
DRAIN_SECONDS = 20
"""That requests under way may take when it stops."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a collector is run."""

    database: str
    objects: str
    bits: int | None = 22
    """Of work that lets anybody in: half a minute of a Pi 4. None: by invitation only."""
    texts: tuple[str, ...] = ()
    """SHA-256 of the consent texts that are accepted; none: all that this version knows."""
    limits: Limits = field(default_factory=Limits)


def open_collection(plan: Plan) -> Collection:
    """Open database and objects, and make the tables where there are none.

    Raises :exc:`CollectorError`.
    """
    engine = open_engine(plan.database)
    prepare(engine)
    texts = plan.texts or known_texts()
    return Collection(
        engine,
        open_objects(plan.objects),
        limits=plan.limits,
        texts=frozenset(texts),
        bits=plan.bits,
    )


def known_texts() -> tuple[str, ...]:
    """Return the SHA-256 of all consent texts of this version."""
    found = (consent_text(version) for version in range(1, CURRENT + 1))
    return tuple(one.sha256 for one in found if one is not None)


def app_of_environment() -> FastAPI:
    """Return the application that :func:`serve` asked for; each process calls it."""
    raw = json.loads(os.environ[PLAN])
    limits = Limits(**raw.pop("limits"))
    texts = tuple(raw.pop("texts"))
    return make_app(open_collection(Plan(**raw, texts=texts, limits=limits)))


def serve(plan: Plan, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or an interrupt. Raises :exc:`CollectorError` for a bad plan."""
    open_collection(plan).check()
    os.environ[PLAN] = json.dumps(asdict(plan))
    try:
        uvicorn.run(
            "stt_service.collector.serve:app_of_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            # Addresses of those who send are nobody's business, a proxy's least of all.
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    except OSError as error:
        raise CollectorError(f"{host}:{port} cannot be served: {error.strerror}") from error
