"""The tagger as a whole: who asks, which clip, which sound, which vote; one transaction each.

page ──► tagging_api ──► Tagging ──► people, next, votes, intake ──► database
└──► objects (sound)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from stt_service.collector import tagging_intake, tagging_next, tagging_people, tagging_votes
from stt_service.collector.database import reading, writing
from stt_service.collector.tables import utterances
from stt_service.collector.tagging_people import Tagger
from stt_service.collector.tagging_votes import Answer, Mine
from stt_service.errors import CollectorError

COUNTED_SECONDS = 60.0
"""That the sums of all clips are good for: they look at every one."""
TAKEN_IN_SECONDS = 5.0
"""Between looks for new utterances."""
BATCHES = 4
"""Of new utterances that are taken in while somebody waits for a clip."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A clip for somebody to hear."""

    ticket: str
    seconds: float
    text: str
    """What a machine heard."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """What all have done."""

    valid: int
    valid_seconds: float
    open: int
    invalid: int
    taggers: int


class Tagging:
    """The tagger of one collector. Any thread may call; the database does the rest."""

    def __init__(self, engine: Engine, read_sound: Callable[[str], bytes]) -> None:
        """``read_sound`` returns an utterance's FLAC, or raises ``CollectorError``."""
        self._engine = engine
        self._read_sound = read_sound
        self._lock = threading.Lock()
        self._taken_in = -TAKEN_IN_SECONDS
        self._sums: tuple[float, Everybody] | None = None

    def join(self, code: str, now: float) -> str:
        """Turn an invitation into a key. Raises :exc:`TaggerError`."""
        with writing(self._engine) as connection:
            return tagging_people.join(connection, code, now)

    def take_in(self, batches: int | None = None) -> int:
        """Take in new utterances, all of them by default; return how many."""
        count = 0
        done = 0
        while batches is None or done < batches:
            with writing(self._engine) as connection:
                more = tagging_intake.take_in(connection)
            count += more
            done += 1
            if more < tagging_intake.BATCH:
                break
        return count

    def next(self, key: str, own: Sequence[str], now: float) -> Offer | None:
        """Return a clip for somebody, None when there is none. Raises :exc:`TaggerError`."""
        self._look_for_new(now)
        with writing(self._engine) as connection:
            tagger = tagging_people.find(connection, key)
            held = tagging_next.assign(connection, tagger, own, now)
            if held is None:
                return None
            row = connection.execute(
                select(utterances.c.text, utterances.c.seconds).where(
                    utterances.c.id == held.utterance
                )
            ).one()
            return Offer(held.ticket, row.seconds, row.text)

    def sound(self, key: str, ticket: str, now: float) -> bytes:
        """Return the FLAC of a clip in somebody's hands. Raises ``SttError``."""
        with writing(self._engine) as connection:
            held = tagging_next.find(connection, tagging_people.find(connection, key), ticket)
            tagging_next.note_heard(connection, ticket, now)
        try:
            return self._read_sound(held.utterance)
        except CollectorError:
            with reading(self._engine) as connection:
                # It was withdrawn just now, which is nobody's fault; or it is damaged.
                tagging_next.find(connection, tagging_people.find(connection, key), ticket)
            raise

    def vote(self, key: str, given: Answer, now: float) -> tuple[int, int]:
        """Note an answer; return how many were given today, and ever. Raises ``TaggerError``."""
        with writing(self._engine) as connection:
            tagger = tagging_people.find(connection, key)
            tagging_votes.answer(connection, tagger, given, now)
            tagger = tagging_people.find(connection, key)
            return tagging_votes.today(connection, tagger, now), tagger.tagged

    def progress(self, key: str, now: float) -> tuple[Mine, Everybody]:
        """Return what somebody, and all, have done. Raises :exc:`TaggerError`."""
        with reading(self._engine) as connection:
            tagger = tagging_people.find(connection, key)
            mine = tagging_votes.mine(connection, tagger, now)
            with self._lock:
                known = self._sums
            if known is None or not 0 <= now - known[0] < COUNTED_SECONDS:
                counts = {
                    state: (count, seconds)
                    for state, count, seconds in tagging_votes.states(connection)
                }
                valid, seconds = counts.get("valid", (0, 0.0))
                everybody = Everybody(
                    valid,
                    seconds,
                    counts.get("open", (0, 0.0))[0],
                    counts.get("invalid", (0, 0.0))[0],
                    tagging_people.count(connection),
                )
                known = (now, everybody)
                with self._lock:
                    self._sums = known
        return mine, known[1]

    def invite(self, now: float, *, reference: bool = False) -> str:
        """Return a new invitation."""
        with writing(self._engine) as connection:
            return tagging_people.invite(connection, now, reference=reference)

    def people(self) -> list[Tagger]:
        """Return everybody who has joined."""
        with reading(self._engine) as connection:
            return list(tagging_people.everybody(connection))

    def set_barred(self, number: int, *, barred: bool) -> int:
        """Let somebody's votes count or not; return how many clips were judged anew.

        Raises :exc:`TaggerError` when there is nobody of that number.
        """
        with writing(self._engine) as connection:
            tagging_people.get(connection, number)
            tagging_people.set_barred(connection, number, barred=barred)
            names = tagging_votes.clips_of(connection, number)
            tagging_votes.rejudge(connection, names)
            return len(names)

    def _look_for_new(self, now: float) -> None:
        with self._lock:
            if 0 <= now - self._taken_in < TAKEN_IN_SECONDS:
                return
            self._taken_in = now
        self.take_in(BATCHES)
