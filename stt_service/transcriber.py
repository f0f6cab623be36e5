"""Audio in, the transcripts of its utterances out: what one recording goes through.

    blocks ──► cutter ──► one engine stream for each utterance ──► Recognition

Knows contracts only: which engine, which cutter and where the audio comes from is decided by
:mod:`stt_service.app`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stt_service.engine.api import Engine, Samples, StreamOptions
from stt_service.events import (
    Alternative,
    Heard,
    Partial,
    Transcript,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRejected,
)
from stt_service.hearing import Cutter, Hearing, utterance_ids


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was recognised in one recording. All times count from its first sample."""

    file: str
    """As it was named on the command line; ``-`` for standard input."""
    duration: float
    """Seconds of audio."""
    segments: tuple[Transcript, ...]
    """The utterances in order; none where nothing was said."""
    transcript: Transcript
    """All utterances as one."""
    cpu_seconds: float
    """Seconds of processor time that this recording took, of all threads."""
    final_seconds: float
    """Seconds from the last sample fed to the result."""


class Transcriber:
    """Runs recordings through one engine, one after another; owned by the engine's thread."""

    def __init__(self, engine: Engine, options: StreamOptions) -> None:
        self._engine = engine
        self._options = options

    def run(
        self,
        file: str,
        blocks: Iterable[Samples],
        cutter: Cutter,
        *,
        on_partial: Callable[[Partial], None] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Recognition:
        """Transcribe one recording.

        ``blocks`` are mono at the model's rate. ``on_partial`` is told what has been heard so
        far of the utterance that has not ended, ``on_progress`` how many seconds have been
        taken. Raises :exc:`AudioError` and :exc:`EngineError`.
        """
        cpu = time.process_time()
        rate = self._engine.model.sample_rate
        transcripts: list[Transcript] = []
        taken = 0

        def note(heard: Iterable[Heard]) -> None:
            for event in heard:
                if isinstance(event, UtteranceFinal | UtteranceRejected):
                    transcripts.append(event.transcript)
                elif isinstance(event, UtterancePartial) and on_partial is not None:
                    on_partial(event.partial)

        with Hearing(
            self._engine, self._options, ids=utterance_ids(), partials=lambda: bool(on_partial)
        ) as hearing:
            for samples in blocks:
                taken += len(samples)
                note(hearing.take(cutter.feed(samples)))
                if on_progress is not None:
                    on_progress(taken / rate)
            fed = time.perf_counter()
            note(hearing.take(cutter.finish()))
        segments = tuple(transcripts)
        return Recognition(
            file=file,
            duration=taken / rate,
            segments=segments,
            transcript=self._join(segments, taken / rate),
            cpu_seconds=time.process_time() - cpu,
            final_seconds=time.perf_counter() - fed,
        )

    def _join(self, segments: tuple[Transcript, ...], duration: float) -> Transcript:
        """Make one transcript of the utterances of a recording."""
        if len(segments) == 1:
            return segments[0]
        spoken = [segment for segment in segments if segment.text]
        text = " ".join(segment.text for segment in spoken)
        weights = [len(segment.words) or 1 for segment in spoken]
        sure = sum(w * segment.confidence for w, segment in zip(weights, spoken, strict=True))
        confidence = sure / sum(weights) if weights else 0.0
        grammar = self._options.grammar
        return Transcript(
            text=text,
            confidence=confidence,
            words=tuple(word for segment in spoken for word in segment.words),
            # Choices of several utterances do not combine into a short list.
            alternatives=(Alternative(text, confidence),),
            rejected=all(segment.rejected for segment in segments),
            start=0.0,
            end=duration,
            model=self._engine.model.id,
            scorer=grammar.id if grammar else self._engine.scorer_id,
            engine=self._engine.name,
        )
