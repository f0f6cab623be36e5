"""Saves the utterances of those who agreed, beside everything else and in nobody's way.

    worker thread ──take──► a short queue ──record thread──► filters ──► FLAC in memory ──► store

The record thread looks at the ledger whenever another process has written to the store, so that a
consent given or withdrawn on the command line counts within a second; and the store itself looks
again in the very transaction that saves. Without a live consent nothing is taken, the queue is
emptied, and no file is so much as opened for writing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import soundfile

from stt_service.closing import Closing
from stt_service.engine.api import Samples
from stt_service.errors import StoreError
from stt_service.events import Fault, Recovered
from stt_service.listener.api import Recording, Tap
from stt_service.store.consent import Consent, Ledger
from stt_service.store.db import Database
from stt_service.store.filters import Rules
from stt_service.store.kept import NewUtterance, NotSaved, Saved, SaveStopped, Saving
from stt_service.store.shelf import Shelf
from stt_service.store.sound import encode
from stt_service.store.utterances import Utterances

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between looks at the ledger; a look that finds nothing new costs microseconds."""
TIDY_SECONDS = 3600.0
"""Between looks for utterances that are too old, and for what crashes have left."""
QUEUE = 4
"""Utterances that wait for a slow card; a fifth is not taken: memory is for recognition."""
STOP_SECONDS = 5.0
"""That saving what waits may take in the end."""
FULL_SCALE = 32_767
"""Samples at it, or at its negative, count as clipped."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a recorder works, as plain values."""

    shelf: Shelf
    """It is not made here: who agrees makes it."""
    rules: Rules
    capture: Mapping[str, str | int | float]
    """Kept with each utterance: how it was recorded."""


class Recorder(Tap, Closing):
    """Takes what may be kept. The store is owned by the thread that :meth:`start` starts."""

    def __init__(
        self,
        habits: Habits,
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Nothing runs yet. ``now`` is local time; ``look_seconds`` pass between looks."""
        self._habits = habits
        self._report: Callable[[Fault | Recovered], None] = lambda _: None
        self._now = now
        self._look_seconds = look_seconds
        self._changed = threading.Condition()
        self._queue: deque[Recording] = deque()
        self._live: Consent | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._counts = dict.fromkeys(
            ("saved_total", "save_dropped_total", "save_duplicates_total", "save_failed_total"), 0
        )
        # Of the record thread alone:
        self._database: Database | None = None
        self._utterances: Utterances | None = None
        self._seen: int | None = None
        self._tidied = -TIDY_SECONDS
        self._stopped: SaveStopped | None = None

    def start(self, report: Callable[[Fault | Recovered], None]) -> None:
        """Begin; ``report`` is told when saving stops and when it works again."""
        self._report = report
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Save what waits, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    # -- Tap

    def permit(self) -> str | None:
        live = self._live
        return None if live is None or self._habits.rules.quiet_now(self._now()) else live.id

    def take(self, recording: Recording) -> None:
        with self._changed:
            live = self._live
            if live is None or live.id != recording.permit or self._stopping:
                return
            if len(self._queue) >= QUEUE:
                self._counts["save_dropped_total"] += 1
                return
            self._queue.append(recording)
            self._changed.notify_all()

    def counts(self) -> Mapping[str, float]:
        saving = self.permit() is not None and self._stopped is None
        return {"saving": float(saving), **self._counts}

    # -- the record thread

    def _run(self) -> None:
        try:
            while True:
                self._look()
                while self._queue:
                    self._save(self._queue.popleft())
                with self._changed:
                    if self._stopping and not self._queue:
                        return
                    self._changed.wait_for(self._something, self._look_seconds)
        except Exception:  # the edge of a thread: listening goes on without it
            logger.exception("the thread record has died")
            self._report(Fault("store", "saving has failed", "See the log, and restart"))
        finally:
            self._forget()
            self._close_store()

    def _something(self) -> bool:
        return self._stopping or bool(self._queue)

    def _look(self) -> None:
        """Learn whose consent is alive; what cannot be known is none."""
        try:
            if self._open():
                self._refresh()
        except StoreError as error:
            self._forget()
            self._close_store()
            self._tell(SaveStopped(error.message, error.remedy))

    def _open(self) -> bool:
        """Open the store if there is one; say whether there is."""
        if not self._habits.shelf.exists():
            self._forget()
            self._close_store()
            self._tell(None)
            return False
        if self._database is None:
            self._database = Database(self._habits.shelf.folder)
            self._utterances = self._habits.shelf.utterances(self._database)
        return True

    def _refresh(self) -> None:
        assert self._database is not None, "called with an open store"
        assert self._utterances is not None, "called with an open store"
        if (version := self._database.version()) != self._seen:
            first, self._seen = self._seen is None, version
            live = Ledger(self._database).standing().live
            if live != self._live:
                logger.info("saving is %s", "off" if live is None else "on, as was agreed")
                # Whoever withdrew may have been interrupted: what is left of it goes now.
                self._tidied = -TIDY_SECONDS
            if live is None:
                self._forget()
            self._live = live
            if first or live is None:
                self._tell(None)
        if time.monotonic() >= self._tidied + TIDY_SECONDS:
            self._tidied = time.monotonic()
            self._utterances.tidy()

    def _forget(self) -> None:
        with self._changed:
            self._live = None
            self._queue.clear()

    def _close_store(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = self._utterances = self._seen = None

    def _save(self, recording: Recording) -> None:
        if (reason := self._habits.rules.drop(recording.transcript)) is not None:
            logger.info("an utterance was not saved because of its %s", reason)
            self._counts["save_dropped_total"] += 1
            return
        try:
            sound = encode(recording.samples, recording.rate)
        except soundfile.LibsndfileError as error:
            self._count(SaveStopped(f"the sound cannot be encoded: {error}", "See the log"))
            return
        if self._utterances is not None:
            new = _new(recording, self._habits.capture)
            self._count(self._utterances.save(new, sound, recording.permit))

    def _count(self, saving: Saving) -> None:
        if isinstance(saving, Saved):
            self._counts["saved_total"] += 1
            self._tell(None)
        elif isinstance(saving, SaveStopped):
            self._counts["save_failed_total"] += 1
            self._tell(saving)
        elif saving == NotSaved("duplicate"):
            self._counts["save_duplicates_total"] += 1

    def _tell(self, stopped: SaveStopped | None) -> None:
        """Say once that nothing can be saved, and once that it can again."""
        before, self._stopped = self._stopped, stopped
        if stopped is not None and before is None:
            self._report(Fault("store", f"not saved: {stopped.message}", stopped.remedy))
        elif stopped is None and before is not None:
            self._report(Recovered("store", "utterances can be saved again"))


def _new(recording: Recording, capture: Mapping[str, str | int | float]) -> NewUtterance:
    return NewUtterance(
        transcript=recording.transcript,
        seconds=len(recording.samples) / recording.rate,
        clipped=_clipped(recording.samples),
        overflows=recording.overflows,
        capture={**capture, "rate": recording.rate},
    )


def _clipped(samples: Samples) -> int:
    return int(np.count_nonzero((samples >= FULL_SCALE) | (samples <= -FULL_SCALE)))
