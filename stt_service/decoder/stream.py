"""One utterance on its way through the search: frames in, partials and a result out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Grammar, Hypothesis, LanguageModel
from stt_service.decoder.confidence import Calibration
from stt_service.decoder.frames import FrameLog
from stt_service.decoder.hotwords import HotWords
from stt_service.decoder.kernels import Kernel
from stt_service.decoder.past import Past, tidy
from stt_service.decoder.results import Reader, Result, split, text_of
from stt_service.errors import EngineError, StreamClosedError
from stt_service.events import Alternative, Partial

MAX_UTTERANCE_SECONDS = 24 * 3600.0
"""A stream takes no more: it should have been cut at its pauses long before."""
RELEASE_SECONDS = 30.0
"""Of speech, after which the language model is told which of its states are still in use."""
NBEST = 32
"""Hypotheses that confidence is computed from, at least."""


@dataclass(frozen=True)
class Reading:
    """How a stream's hypotheses are to be read."""

    alphabet: Alphabet
    frame_step: float
    """Seconds from one frame to the next."""
    calibration: Calibration
    grammar: Grammar | None
    alternatives: int
    """Texts to return, at least 1."""

    @property
    def strict(self) -> bool:
        """Whether only the grammar's sentences are legal."""
        return self.grammar is not None and self.grammar.mode == "strict"


class DecoderStream:
    """The search through one utterance. Made by :meth:`~stt_service.decoder.search.Decoder.stream`.

    Used by the thread that owns the decoder.
    """

    def __init__(
        self,
        kernel: Kernel,
        language: LanguageModel | None,
        hot: HotWords | None,
        reading: Reading,
        alpha: float,
    ) -> None:
        """``hot`` is ``language`` itself where there are hot words; ``alpha`` weighs both."""
        self._kernel: Kernel | None = kernel
        self._language = language
        self._hot = hot
        self._reading = reading
        self._alpha = alpha
        self._log = FrameLog()
        self._past = Past(reading.alphabet, reading.frame_step, strict=reading.strict)
        self._release_at = RELEASE_SECONDS / reading.frame_step  # frames

    def _open(self) -> Kernel:
        if self._kernel is None:
            raise StreamClosedError("the utterance has ended", "Open another stream.")
        return self._kernel

    def advance(self, probabilities: NDArray[np.float32]) -> None:
        """Take the next frames: outputs of a softmax, shape (frames, labels + 1), blank last.

        Raises :exc:`StreamClosedError` after ``finish``, :exc:`EngineError` when these are not
        probabilities, do not fit the alphabet, or the utterance has become too long.
        """
        kernel = self._open()
        frames = np.ascontiguousarray(probabilities, np.float32)
        if frames.ndim == 2:
            length = (self._log.frames + len(frames)) * self._reading.frame_step
            if length > MAX_UTTERANCE_SECONDS:
                raise EngineError(
                    f"the utterance is longer than {MAX_UTTERANCE_SECONDS / 3600:.0f} hours",
                    "Cut it at its pauses, as --vad does.",
                )
        if frames.ndim != 2:
            self._take(kernel, frames)
            return
        while len(frames):
            count = self._past.until_due(self._log.frames)
            self._take(kernel, frames[:count])
            frames = frames[count:]

    def _take(self, kernel: Kernel, frames: NDArray[np.float32]) -> None:
        """Search through frames up to the next settlement."""
        try:
            kernel.advance(frames)
        except ValueError as error:
            raise EngineError(
                f"the model's output cannot be decoded: {error}",
                "Is the model damaged, or the alphabet another model's?",
            ) from error
        self._log.append(frames)
        self._past.settle(kernel, self._log.frames)
        if self._language and self._log.frames >= self._release_at:
            self._language.release(kernel.states())
            self._release_at = self._log.frames + RELEASE_SECONDS / self._reading.frame_step

    def partial(self) -> Partial:
        """Return the whole words heard so far. Raises :exc:`StreamClosedError` after ``finish``.

        Only what is not settled is read, so the cost does not grow with the utterance. With a
        strict grammar nothing is stable before the end, which may still be a rejection.
        """
        kernel = self._open()
        alphabet = self._reading.alphabet
        best = kernel.hypotheses(1, final=False)[0]
        words = split(alphabet, best)
        if words and not best.whole:
            words.pop()
        text = self._past.lead(text_of(words))
        if self._reading.strict:
            return Partial(text, "")
        agreed = kernel.agreed()
        if alphabet.space is not None:  # the last word may still grow
            while agreed and agreed.pop() != alphabet.space:
                pass
        return Partial(text, self._past.lead(tidy(alphabet, agreed)))

    def finish(self, duration: float) -> Result:
        """End the utterance, ``duration`` seconds after its first frame, and say what it was.

        Raises :exc:`StreamClosedError` when called again.
        """
        kernel = self._open()
        wanted = max(NBEST, 4 * self._reading.alternatives)
        found = [self._past.complete(one) for one in kernel.hypotheses(wanted, final=True)]
        if self._hot:
            found = self._take_back(found, self._hot)
        result = self._result(found, duration)
        self._kernel = self._language = self._hot = None
        return result

    def _take_back(self, found: Sequence[Hypothesis], hot: HotWords) -> list[Hypothesis]:
        """Subtract what was paid in advance for hot phrases that did not come to their end."""
        settled = [
            replace(one, score=one.score - self._alpha * hot.prepaid(one.state)) for one in found
        ]
        return sorted(settled, key=lambda one: -one.score)

    def _result(self, found: Sequence[Hypothesis], duration: float) -> Result:
        reading = self._reading
        nothing = Result(
            text="",
            confidence=0.0,
            words=(),
            alternatives=(Alternative("", 0.0),),
            rejected=True,
        )
        if not found:
            return nothing
        calibration = reading.calibration
        reader = Reader(reading.alphabet, reading.frame_step, calibration, self._log)
        words, alternatives, evidence = reader.read(found, reading.alternatives, duration)
        text, confidence = alternatives[0].text, alternatives[0].confidence
        if not text or evidence is None:
            return nothing
        judge = calibration.strict if reading.strict else calibration.open
        meant = judge.probability(evidence)
        rejected = meant < judge.accept_from
        if reading.strict:
            if rejected:
                return replace(nothing, evidence=evidence)
            confidence = meant
            others = (
                replace(one, confidence=min(one.confidence, meant)) for one in alternatives[1:]
            )
            alternatives = (Alternative(text, confidence), *others)
        parse = reading.grammar.parse(text) if reading.grammar else None
        return Result(
            text,
            confidence,
            words,
            alternatives,
            rejected=rejected,
            intent=parse.intent if parse else None,
            slots=parse.slots if parse else {},
            evidence=evidence,
        )
