"""Runs the collector: one process, or several that share a port.

    sockets, bound once ──► one process, or a parent that hands them to its workers

Each process opens the database and the place for sound by itself; what they are told travels in
one environment variable, because uvicorn starts them by name.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.supervisors import Multiprocess

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
HUNG_SECONDS = 120
"""After which a process that gives no sign of life is killed and started anew. One that starts on a
busy machine gives none for as long as its libraries load: with uvicorn's five seconds it would be
killed before, again and again."""
BACKLOG = 2048
"""Connections that wait to be taken, as uvicorn has it."""


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
    _prepare(engine)
    texts = plan.texts or known_texts()
    return Collection(
        engine,
        open_objects(plan.objects),
        limits=plan.limits,
        texts=frozenset(texts),
        bits=plan.bits,
    )


def _prepare(engine: Engine) -> None:
    """Make the tables. Raises :exc:`CollectorError` naming the database."""
    remedy = ""
    if engine.url.database and engine.dialect.name == "sqlite":
        path = Path(engine.url.database)
        if not path.parent.is_dir():
            raise CollectorError(
                f"there is no folder {path.parent} for the database", "Make it, or name another"
            )
        remedy = (
            f"{path} must be the collector's, and this user must be able to write to {path.parent}"
        )
    try:
        prepare(engine)
    except CollectorError as error:
        place = engine.url.render_as_string(hide_password=True)
        own = not isinstance(error.__cause__, SQLAlchemyError)
        raise CollectorError(
            f"{place}: {error.message}", error.remedy if own or not remedy else remedy
        ) from error


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


def serve(
    plan: Plan, host: str, port: int, workers: int, announce: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or an interrupt; ``announce`` is called when nothing speaks against it.

    Raises :exc:`CollectorError` for a bad plan, and for a port that cannot be had.
    """
    open_collection(plan).check()
    sockets = _listen(host, port)
    try:
        announce()
        os.environ[PLAN] = json.dumps(asdict(plan))
        _serve(sockets, workers)
    finally:
        for one in sockets:
            one.close()


def _serve(sockets: list[socket.socket], workers: int) -> None:
    config = uvicorn.Config(
        "stt_service.collector.serve:app_of_environment",
        factory=True,
        workers=workers,
        # Addresses of those who send are nobody's business, a proxy's least of all.
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=HUNG_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # which has ended it already
        if workers > 1:
            Multiprocess(config, sockets).run()
        else:
            uvicorn.Server(config).run(sockets)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Take the port, once: from here on it is nobody else's, and who calls already waits.

    Raises :exc:`CollectorError`; uvicorn would log why it cannot, and end the process itself.
    """
    taken: list[socket.socket] = []
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in dict.fromkeys(places):
            one = socket.socket(family, kind, protocol)
            taken.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # else it would take the port of IPv4 as well
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(place)
            one.listen(BACKLOG)
    except OSError as error:
        for one in taken:
            one.close()
        raise _explain(host, port, error) from error
    return taken


def _explain(host: str, port: int, error: OSError) -> CollectorError:
    if error.errno == errno.EADDRINUSE:
        return CollectorError(
            f"port {port} of {host} is in use by another program",
            f"Stop it, or take another --port; `ss -ltnp 'sport = :{port}'` names it",
        )
    if error.errno == errno.EACCES:
        return CollectorError(
            f"this user may not listen at port {port}", "Take a --port above 1023"
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return CollectorError(
            f"{host} is no address of this machine", "Take --host 127.0.0.1 or 0.0.0.0"
        )
    return CollectorError(f"{host}:{port} cannot be served: {error.strerror or error}")
