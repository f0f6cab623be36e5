"""The microphone's way from samples to events, without thread, clock or device.

    samples ──► muted? ──► gate deaf? ──► cutter ──► Hearing ──► gate ──► events
        └──► level

Time is the source's sample count, which goes on through gaps: through audio that was dropped,
forgotten while muted, or lost with the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from stt_service.audio.level import LevelMeter
from stt_service.engine.api import Samples, StreamOptions
from stt_service.events import Heard, LiveEvent
from stt_service.hearing import Hearing
from stt_service.listener.gate import Gate
from stt_service.utterance_cutter import UtteranceCutter

PRE_PRESS_SECONDS = 0.5
"""Audio from before an order to listen that is taken along: who presses a button already speaks."""


class Ear:
    """One microphone, muted or not, recognised or not. Owned by the engine's thread."""

    def __init__(self, rate: int, cutter: UtteranceCutter, gate: Gate) -> None:
        """``rate`` in hertz is that of the samples."""
        self._rate = rate
        self._cutter = cutter
        self._meter = LevelMeter(rate)
        self._gate = gate
        self._hearing: Hearing | None = None
        self._clock = 0
        self._judged = self._voiced = 0  # by cutters of the past
        self._before: Samples = np.zeros(0, np.int16)  # what a deaf gate may yet want

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way."""
        return self._hearing is not None and self._hearing.speaking

    @property
    def judged(self) -> int:
        """Frames that the voice detector has judged."""
        return self._judged + self._cutter.judged

    @property
    def voiced(self) -> int:
        """Those in which it heard speech."""
        return self._voiced + self._cutter.voiced

    def use(self, hearing: Hearing | None) -> None:
        """Recognise with this from now on, or not at all; not while an utterance is under way."""
        assert not self.speaking, "an utterance ends on the engine on which it began"
        if hearing is not None and self._hearing is not None:
            hearing.origin = self._hearing.origin  # the cutter goes on: no frame is lost
            self._hearing = hearing
        else:
            self._hearing = hearing
            self._forget()

    def ask(self, options: StreamOptions) -> None:
        """Ask for something else from the next utterance on."""
        if self._hearing is not None:
            self._hearing.options = options

    def change(self, cutter: UtteranceCutter, gate: Gate) -> None:
        """Cut otherwise, or take another mode; not while an utterance is under way."""
        assert not self.speaking, "an utterance ends as it began"
        self._judged, self._voiced = self.judged, self.voiced
        self._cutter, self._gate = cutter, gate
        self._forget()

    def listen(self) -> None:
        """Open the gate now."""
        self._gate.listen(self._clock / self._rate)

    def take(self, samples: Samples, end: int) -> Iterator[LiveEvent]:
        """Take the next samples; ``end`` is the sample after their last on the source's clock.

        Raises :exc:`EngineError`; then :meth:`drop`.
        """
        if end - len(samples) != self._clock:
            yield from self.cut()
            self._clock = end - len(samples)
            self._forget()
        voiced, was_deaf = self._cutter.voiced, self._gate.deaf
        self._clock = end
        yield from self._recognise(samples)
        now = end / self._rate
        opened = self._gate.advance(now, speaking=self.speaking)
        if opened is not None and self._hearing is not None:
            yield from self._hearing.silence(opened, now)
        if self._gate.deaf and not was_deaf and self._hearing is not None:
            self._hearing.close()  # the one utterance has come
            self._forget()
        yield from self._meter.feed(samples, speech=self._cutter.voiced > voiced)

    def skip(self, end: int) -> None:
        """Leave audio out, up to sample ``end``: it is muted. An utterance must have ended."""
        self._clock = end
        self._forget()

    def _recognise(self, samples: Samples) -> Iterator[LiveEvent]:
        if self._hearing is None:
            return
        if self._gate.deaf:
            keep = int(PRE_PRESS_SECONDS * self._rate)
            self._before = np.concatenate((self._before, samples))[-keep:]
            self._hearing.origin = self._clock
            return
        if len(self._before):
            self._hearing.origin -= len(self._before)
            samples = np.concatenate((self._before, samples))
            self._before = self._before[:0]
        yield from self._admit(self._hearing.take(self._cutter.feed(samples)))

    def _admit(self, heard: Iterable[Heard]) -> Iterator[LiveEvent]:
        for one in heard:
            yield from self._gate.admit(one)

    def cut(self) -> Iterator[LiveEvent]:
        """End the utterance under way with the audio it has. Raises :exc:`EngineError`."""
        if self._hearing is not None and not self._gate.deaf:
            yield from self._admit(self._hearing.take(self._cutter.finish()))

    def drop(self, reason: str) -> Iterator[LiveEvent]:
        """End the utterance under way without a result."""
        if self._hearing is not None:
            yield from self._admit(self._hearing.drop(reason))
        self._forget()

    def close(self) -> None:
        """Let go of the engine."""
        if self._hearing is not None:
            self._hearing.close()

    def _forget(self) -> None:
        """Begin anew at the present: nothing of the past belongs to what comes."""
        self._cutter.finish()
        self._before = self._before[:0]
        if self._hearing is not None:
            self._hearing.origin = self._clock
