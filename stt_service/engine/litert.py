"""The default engine: the network on LiteRT, the words by :mod:`stt_service.decoder`.

Any current Python, no compiler, and the same ``.tflite`` files as the original library.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from stt_service.decoder.api import Scorer
from stt_service.decoder.confidence import Calibration
from stt_service.decoder.search import Decoder, DecoderStream
from stt_service.engine.acoustic import AcousticModel, AcousticStream, Kernels
from stt_service.engine.api import Engine, ModelInfo, Samples, Stream, StreamOptions
from stt_service.engine.graph import GraphInfo, read_graph
from stt_service.engine.probe import ensure_runs
from stt_service.errors import EngineError, StreamClosedError
from stt_service.events import Partial, Transcript

AGAIN_SECONDS = 15.0
"""Length up to which a quiet utterance is heard a second time: an order, not a talk. Its end is
answered later by what that takes."""


class LiteRtEngine(Engine):
    """One model on LiteRT, shared by its streams.

    Owned by the thread that made it, which is checked: any other gets :exc:`EngineError`.
    """

    name = "litert"

    def __init__(
        self,
        path: Path,
        *,
        model_id: str | None = None,
        scorer: Scorer | None = None,
        calibration: Calibration | None = None,
        threads: int | None = None,
        kernels: Kernels = "auto",
        state_dir: Path | None = None,
        trusted: Container[str] = (),
        graph: GraphInfo | None = None,
        speech_level: float | None = None,
    ) -> None:
        """Open the model at ``path``; results call it ``model_id``, or by the file's name.

        ``threads`` is how many LiteRT may use; None leaves one core free. ``kernels``
        chooses between the original's numbers and speed. A model whose SHA-256
        is not ``trusted`` is run in a child process first, once for each ``state_dir``.
        ``graph`` is what :func:`read_graph` says of it, where that was asked already. An utterance
        whose loudest moment is below ``speech_level``, in decibels below full scale, is raised to
        it; None raises nothing, as the original libraries.
        Raises :exc:`ModelError` naming the file, and :exc:`ScorerError` when ``scorer`` does not
        fit its alphabet.
        """
        graph = graph or read_graph(path)  # says what is wrong better than a child that failed
        ensure_runs(path, state_dir=state_dir, trusted=trusted)
        self._acoustic: AcousticModel | None = AcousticModel(
            path, threads=threads, kernels=kernels, graph=graph, speech_level=speech_level
        )
        info = self._acoustic.info
        self._decoder = Decoder(
            info.alphabet, scorer=scorer, frame_step=info.frame_step, calibration=calibration
        )
        self.scorer_id = scorer.id if scorer else None
        self.model = info.model_info(model_id or path.stem)
        self._streams: weakref.WeakSet[LiteRtStream] = weakref.WeakSet()

    def stream(self, options: StreamOptions | None = None) -> LiteRtStream:
        if self._acoustic is None:
            raise EngineError("the engine is closed", "Open the model again")
        self._acoustic.check_thread()
        options = options or StreamOptions()
        open_search = partial(
            self._decoder.stream,
            self.model.beam_width if options.beam_width is None else options.beam_width,
            hot_words=options.hot_words,
            grammar=options.grammar,
            alternatives=options.alternatives,
        )
        grammar = options.grammar
        replaced = grammar is not None and grammar.mode == "strict"
        scorer = grammar.id if grammar is not None and (replaced or not self.scorer_id) else None
        stream = LiteRtStream(self._acoustic, open_search, self.model, scorer or self.scorer_id)
        self._streams.add(stream)
        return stream

    def check_hot_words(self, hot_words: Mapping[str, float]) -> tuple[str, ...]:
        return self._decoder.unknown_hot_words(hot_words)

    def close(self) -> None:
        if self._acoustic is None:
            return
        self._acoustic.check_thread()
        self._acoustic = None
        for stream in list(self._streams):
            stream.close()


class LiteRtStream(Stream):
    """One utterance. Made by :meth:`LiteRtEngine.stream`; used by the engine's thread.

    How loud an utterance is, is known when it is over. One that was quieter than the model knows
    is heard a second time then, raised; so nothing of it is called stable before. A louder one is
    heard once, and the samples kept for it are let go at its first loud sound.
    """

    def __init__(
        self,
        acoustic: AcousticModel,
        open_search: Callable[[], DecoderStream],
        model: ModelInfo,
        scorer: str | None,
    ) -> None:
        self._acoustic = acoustic
        self._open_search = open_search
        self._search = open_search()
        self._frames: AcousticStream | None = AcousticStream(acoustic, self._search.advance)
        self._model = model
        self._scorer = scorer
        self._fed = 0  # samples
        self._again: list[Samples] | None = [] if acoustic.quiet(0) else None

    def _open(self) -> AcousticStream:
        if self._frames is None:
            raise StreamClosedError("the utterance has ended", "Open another stream")
        return self._frames

    def feed(self, samples: Samples) -> None:
        frames = self._open()
        frames.feed(samples)
        self._fed += len(samples)
        if self._again is not None:
            self._again.append(samples.copy())
            limit = AGAIN_SECONDS * self._model.sample_rate
            if self._fed > limit or not self._acoustic.quiet(frames.loudest):
                self._again = None

    def partial(self) -> Partial:
        self._open().check_thread()
        found = self._search.partial()
        return found if self._again is None else replace(found, stable="")

    def _hear_again(self, samples: list[Samples], gain: float) -> None:
        self._search = self._open_search()
        frames = AcousticStream(self._acoustic, self._search.advance, gain)
        for part in samples:
            frames.feed(part)
        frames.finish()

    def finish(self) -> Transcript:
        frames = self._open()
        frames.finish()
        gain = self._acoustic.gain(frames.loudest)
        if self._again and gain > 1:
            self._hear_again(self._again, gain)
        self._frames = self._again = None
        duration = self._fed / self._model.sample_rate
        result = self._search.finish(duration)
        return Transcript(
            text=result.text,
            confidence=result.confidence,
            words=result.words,
            alternatives=result.alternatives,
            rejected=result.rejected,
            start=0.0,
            end=duration,
            model=self._model.id,
            scorer=self._scorer,
            engine=LiteRtEngine.name,
            intent=result.intent,
            slots=result.slots,
        )

    def close(self) -> None:
        self._frames = self._again = None
