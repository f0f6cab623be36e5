"""The queue's thread in the daemon: steps when there is something to do, sleeps when not.

While nobody has agreed to anything there is no store, and nothing is opened: no file, no socket.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from stt_service.closing import Closing
from stt_service.errors import SttError
from stt_service.events import Fault, Recovered
from stt_service.upload.worker import IDLE_SECONDS, Worker

logger = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""That a step under way may take in the end; what it had not finished is sent again."""
TROUBLED = ("failed", "paused")


class Sending(Closing):
    """Works on the queue until closed. Its worker is opened and used by its thread alone."""

    def __init__(
        self,
        exists: Callable[[], bool],
        open_worker: Callable[[], AbstractContextManager[Worker]],
        report: Callable[[Fault | Recovered], None],
    ) -> None:
        """``exists`` says whether there is a store; ``report`` is told of faults and their end."""
        self._exists = exists
        self._open_worker = open_worker
        self._report = report
        self._told: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upload", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = self._work() if self._exists() else IDLE_SECONDS
            except SttError as error:
                self._tell(error.message, error.remedy)
                wait = IDLE_SECONDS

    def _work(self) -> float:
        """Step until there is nothing to do; return the seconds until there may be."""
        with self._open_worker() as worker:
            while True:
                step = worker.step()
                if step.did in TROUBLED:
                    self._tell(step.reason, "See: stt-service queue status")
                elif step.did in ("sent", "deleted"):
                    self._tell(None)
                if step.wait > 0.0 and (step.did != "sent" or self._stop.wait(step.wait)):
                    return step.wait
                if self._stop.is_set():
                    return 0.0

    def _tell(self, message: str | None, remedy: str = "") -> None:
        """Say once what is wrong, and once that it works again."""
        if message is not None and self._told is None:
            self._report(Fault("upload", f"nothing can be sent: {message}", remedy))
        elif message is None and self._told is not None:
            self._report(Recovered("upload", "utterances are sent again"))
        self._told = message
