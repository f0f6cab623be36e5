"""A client's audio being recognised, seen from the event loop: results come as a queue.

worker thread ──hear, done──► Call ──► loop
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from stt_service.errors import SttError
from stt_service.events import Heard
from stt_service.listener.api import Caller, Control, Wishes
from stt_service.server.limits import MAX_EVENTS_WAITING

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


async def in_thread(run: Callable[[], _T]) -> _T:
    """Run something long in a thread of its own; raises what that raises.

    Not in the loop's pool: clients that take their time would fill it, and commands would wait.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_T] = loop.create_future()

    def settle(outcome: _T | None, error: BaseException | None) -> None:
        if result.cancelled():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(outcome)  # type: ignore[arg-type]  # None is an outcome too

    def target() -> None:
        outcome: _T | None = None
        failure: BaseException | None = None
        try:
            outcome = run()
        except Exception as error:  # noqa: BLE001 -- the edge of a thread: raised in the loop
            failure = error
        try:
            loop.call_soon_threadsafe(settle, outcome, failure)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    threading.Thread(target=target, name="client", daemon=True).start()
    return await result


class Call:
    """One client's recognition. Made and used in the loop; closing it forgets it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._results: asyncio.Queue[Heard | SttError | None] = asyncio.Queue()
        self._caller: Caller | None = None
        self.overflowed = False
        """Results were lost, because nobody took them."""

    async def open(self, control: Control, wishes: Wishes) -> Caller:
        """Begin. Raises :exc:`BusyError`, and :exc:`SttError` for wrong wishes."""
        self._caller = await in_thread(
            lambda: control.open_caller(wishes, self._from_worker, self._from_worker)
        )
        return self._caller

    def _from_worker(self, result: Heard | SttError | None) -> None:
        self._loop.call_soon_threadsafe(self._put, result)

    def _put(self, result: Heard | SttError | None) -> None:
        if self._results.qsize() >= MAX_EVENTS_WAITING:
            self.overflowed = True
            self._results.put_nowait(SttError("you have not taken your results", "Read them"))
        if not self.overflowed:
            self._results.put_nowait(result)

    def fail(self, error: SttError) -> None:
        """End the results with an error of the client's side."""
        self._put(error)

    def depends_on(self, task: asyncio.Task[None]) -> None:
        """End the results with an error should a task die of a mistake in the program."""
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a client's audio was not recognised", exc_info=error)
            self._put(SttError("the server has made a mistake", "See its log, and report it"))

    async def results(self) -> AsyncIterator[Heard]:
        """Yield what is heard, to the end. Raises :exc:`SttError` where it fails on the way."""
        while (result := await self._results.get()) is not None:
            if isinstance(result, SttError):
                raise result
            yield result

    def close(self) -> None:
        """Forget the audio. Harmless when it never began."""
        if self._caller is not None:
            self._caller.close()
