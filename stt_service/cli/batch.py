"""Recordings in, results out in the same order, by this process or by several."""

from __future__ import annotations

import atexit
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from types import FrameType
from typing import TYPE_CHECKING

from stt_service.app import Request, Session
from stt_service.cli.common import end_standard_error
from stt_service.cli.formats import Failure
from stt_service.errors import AudioError, EngineError, SttError
from stt_service.events import Partial
from stt_service.start import INTERRUPTED

if TYPE_CHECKING:
    from stt_service.transcriber import Recognition

AHEAD = 4
"""Recordings handed out for each worker: none waits, and an interruption loses little."""

Progress = Callable[[int, float, float | None], None]
"""Told the index of a recording, its seconds taken and, where known, its seconds in all."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom to tell what, while it happens."""

    partial: Callable[[Partial], None] | None = None
    progress: Progress | None = None
    note: Callable[[str], None] | None = None
    """Told once of each thing that the user should know."""


def run(
    request: Request, recordings: Sequence[str | Failure], jobs: int, reports: Reports
) -> Iterator[Recognition | Failure]:
    """Yield a result for each recording, in order.

    Raises a subclass of :exc:`SttError` when the request itself is at fault: model, scorer,
    phrases or settings.
    """
    if jobs > 1:
        yield from _run_workers(request, recordings, min(jobs, len(recordings)), reports)
        return
    with Session(request) as session:
        _tell(_notes(session), reports)
        for index, recording in enumerate(recordings):
            yield _transcribe(session, recording, index, reports)


def _transcribe(
    session: Session, recording: str | Failure, index: int, reports: Reports
) -> Recognition | Failure:
    if isinstance(recording, Failure):
        return recording
    progress = reports.progress
    try:
        return session.transcribe(
            recording,
            on_partial=reports.partial,
            on_progress=None
            if progress is None
            else lambda seconds, total: progress(index, seconds, total),
        )
    except (AudioError, EngineError) as error:
        return Failure(recording, str(error))


def _notes(session: Session) -> tuple[str, ...]:
    notes = [
        f"the hot word {word!r} can never be heard: this model or its scorer lacks it"
        for word in session.unheard
    ]
    if session.unread is not None:
        notes.append(
            f"the original libraries cannot read {session.unread}: no language model takes part. "
            "Take --engine litert, or name a .scorer file with --scorer"
        )
    return tuple(notes)


def _tell(notes: Sequence[str], reports: Reports) -> None:
    if reports.note is not None:
        for note in notes:
            reports.note(note)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What comes back from a worker."""

    result: Recognition | Failure | None
    fault: SttError | None = None
    """The request itself is at fault."""
    notes: tuple[str, ...] = ()


def _run_workers(
    request: Request, recordings: Sequence[str | Failure], jobs: int, reports: Reports
) -> Iterator[Recognition | Failure]:
    waiting: deque[tuple[int, Future[_Answer]]] = deque()
    rest = iter(enumerate(recordings))
    told: set[str] = set()
    # Spawned, not forked: a copy of a process with threads may hang.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _open_worker, (request,))
    try:
        while True:
            while len(waiting) < jobs * AHEAD and (task := next(rest, None)) is not None:
                index, recording = task
                waiting.append((index, pool.submit(_work, recording)))
            if not waiting:
                return
            index, future = waiting.popleft()
            answer = future.result()
            if answer.fault is not None:
                raise answer.fault
            assert answer.result is not None
            _tell([note for note in answer.notes if note not in told], reports)
            told.update(answer.notes)
            if reports.progress is not None and not isinstance(answer.result, Failure):
                reports.progress(index, answer.result.duration, answer.result.duration)
            yield answer.result
    except BrokenProcessPool as error:
        raise EngineError(
            f"a worker process died at or before {recordings[index]}",
            "Try that recording alone, or fewer --jobs if memory ran out",
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """What one worker process keeps from recording to recording."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.session: Session | None = None


_worker: _Worker | None = None


def _open_worker(request: Request) -> None:
    global _worker  # noqa: PLW0603 -- the only way to keep something in a pool's process
    _worker = _Worker(request)
    atexit.register(end_standard_error)
    signal.signal(signal.SIGINT, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    # The whole group gets Ctrl-C; only the parent has something to say.
    os._exit(INTERRUPTED)


def _work(recording: str | Failure) -> _Answer:
    assert _worker is not None
    try:
        notes: tuple[str, ...] = ()
        if _worker.session is None:
            _worker.session = Session(_worker.request)
            notes = _notes(_worker.session)
        return _Answer(_transcribe(_worker.session, recording, 0, Reports()), notes=notes)
    except SttError as error:
        return _Answer(None, error)
