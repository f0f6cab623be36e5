"""What of all that the microphone hears is meant for the machine: the three modes.

    utterances of the recogniser ──► Gate ──► events

Sans-I/O; time is seconds of the source's clock. A gate that is *deaf* wants no recognition at
all. One that opens for a while and hears nobody speak says so with an utterance that was rejected
for ``silence``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace

from stt_service.events import (
    Alternative,
    Heard,
    LiveEvent,
    Partial,
    Transcript,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRejected,
    UtteranceStarted,
    WakeHeard,
)


class Gate(ABC):
    """Lets the utterances of one microphone pass or not; owned by one thread."""

    deaf = False
    """Nothing is to be recognised now."""

    @abstractmethod
    def listen(self, now: float) -> None:
        """Open the gate, whatever it waits for."""

    @abstractmethod
    def admit(self, heard: Heard) -> list[LiveEvent]:
        """Return what may be told of it."""

    @abstractmethod
    def advance(self, now: float, *, speaking: bool) -> float | None:
        """Let time pass; ``speaking`` while an utterance is under way.

        Returns when the gate was opened if it closes now because nobody spoke.
        """


class Open(Gate):
    """Everything said counts."""

    def listen(self, now: float) -> None:
        """Do nothing: it listens anyway."""

    def admit(self, heard: Heard) -> list[LiveEvent]:
        return [heard]

    def advance(self, now: float, *, speaking: bool) -> None:  # noqa: ARG002 -- the contract
        return None


class Window:
    """The time for which a gate stands open."""

    def __init__(self) -> None:
        self._opened: float | None = None
        self._end = 0.0

    @property
    def open(self) -> bool:
        """Whether it stands open."""
        return self._opened is not None

    def begin(self, now: float, seconds: float) -> None:
        """Open it: within ``seconds`` somebody must begin to speak."""
        self._opened, self._end = now, now + seconds

    def end(self) -> None:
        """Close it: what it was opened for has come."""
        self._opened = None

    def advance(self, now: float, *, speaking: bool) -> float | None:
        """Close it when its time is over, and return when it was opened.

        Who has begun to speak may finish.
        """
        opened = self._opened
        if opened is None or speaking or now < self._end:
            return None
        self.end()
        return opened


class PushToTalk(Gate):
    """One utterance for each order to listen."""

    def __init__(self, window: float) -> None:
        """``window`` in seconds within which speech must begin."""
        self._seconds = window
        self._window = Window()

    @property
    def deaf(self) -> bool:  # type: ignore[override]
        """Nobody has pressed."""
        return not self._window.open

    def listen(self, now: float) -> None:
        self._window.begin(now, self._seconds)

    def admit(self, heard: Heard) -> list[LiveEvent]:
        if self.deaf:
            return []
        if isinstance(heard, UtteranceFinal):
            self._window.end()
        return [heard]  # what was rejected leaves it open: noise is not what was asked for

    def advance(self, now: float, *, speaking: bool) -> float | None:
        return self._window.advance(now, speaking=speaking)


class WakePhrase(Gate):
    """What follows a wake phrase, in the same breath or after it.

    Nothing leaves the gate of what is said before: nobody is told what was not meant for us.
    """

    def __init__(self, phrases: Iterable[str], window: float, listen_window: float) -> None:
        """``phrases`` as the recogniser writes them; the windows in seconds."""
        ordered = sorted(phrases, key=lambda phrase: -len(phrase.split()))
        self._phrases = [phrase.split() for phrase in ordered if phrase.split()]
        self._after_phrase, self._after_order = window, listen_window
        self._window = Window()
        self._inside: str | None = None
        """Utterance that began while the gate stood open."""
        self._woken: list[str] = []
        """The phrase that the utterance under way has begun with."""
        self._started: UtteranceStarted | None = None
        """Held back until it is known to be meant for us."""

    def listen(self, now: float) -> None:
        self._window.begin(now, self._after_order)

    def admit(self, heard: Heard) -> list[LiveEvent]:
        if isinstance(heard, UtteranceStarted):
            self._woken = []
            self._started = heard
            self._inside = heard.utterance if self._window.open else None
            return [heard] if self._window.open else []
        if heard.utterance == self._inside:
            if isinstance(heard, UtteranceFinal):
                self._window.end()
            return [heard]
        if isinstance(heard, UtterancePartial):
            return self._partial(heard)
        return self._over(heard)

    def _partial(self, heard: UtterancePartial) -> list[LiveEvent]:
        events: list[LiveEvent] = []
        if not self._woken:
            words = heard.partial.stable.split()
            self._woken = [] if self._may_grow(words) else self._opening(words)
            if not self._woken:
                return []
            events.append(WakeHeard(" ".join(self._woken), heard.end))
        count = len(self._woken)
        rest = Partial(_without(heard.partial.text, count), _without(heard.partial.stable, count))
        if rest.text:
            events += [*self._announce(), replace(heard, partial=rest)]
        return events

    def _over(self, heard: UtteranceFinal | UtteranceRejected) -> list[LiveEvent]:
        events: list[LiveEvent] = []
        transcript = heard.transcript
        if not self._woken and isinstance(heard, UtteranceFinal):
            self._woken = self._opening(transcript.text.split())
            if self._woken:
                last = transcript.words[len(self._woken) - 1]
                events.append(WakeHeard(" ".join(self._woken), last.end))
        woken, self._woken = self._woken, []
        if not woken:
            return []
        rest = _after(transcript, len(woken))
        if rest.text or self._started is None:
            events += [*self._announce(), replace(heard, transcript=rest)]
        else:
            self._window.begin(transcript.end, self._after_phrase)
        return events

    def _announce(self) -> list[LiveEvent]:
        started, self._started = self._started, None
        return [] if started is None else [started]

    def _may_grow(self, words: list[str]) -> bool:
        """Whether further words may make a longer phrase of these."""
        return any(len(one) > len(words) and one[: len(words)] == words for one in self._phrases)

    def _opening(self, words: list[str]) -> list[str]:
        """Return the phrase that the words begin with."""
        return next((one for one in self._phrases if words[: len(one)] == one), [])

    def advance(self, now: float, *, speaking: bool) -> float | None:
        return self._window.advance(now, speaking=speaking)


def _without(text: str, count: int) -> str:
    return " ".join(text.split()[count:])


def _after(transcript: Transcript, count: int) -> Transcript:
    """Take the first words off a transcript and its alternatives."""
    phrase = transcript.text.split()[:count]
    kept = {
        _without(one.text, count): one.confidence
        for one in reversed(transcript.alternatives)
        if one.text.split()[:count] == phrase
    }
    return replace(
        transcript,
        text=_without(transcript.text, count),
        words=transcript.words[count:],
        alternatives=tuple(Alternative(text, sure) for text, sure in reversed(kept.items())),
    )
