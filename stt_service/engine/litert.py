"""The default engine: the network on LiteRT, the words by :mod:`stt_service.decoder`.

Any current Python, no compiler, and the same ``.tflite`` files as the original library.
"""

from __future__ import annotations

import weakref
from collections.abc import Container, Mapping
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
        ``graph`` is what :func:`read_graph` says of it, where that was asked already. Speech
        quieter than ``speech_level``, in decibels below full scale, is raised to it.
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
        search = self._decoder.stream(
            self.model.beam_width if options.beam_width is None else options.beam_width,
            hot_words=options.hot_words,
            grammar=options.grammar,
            alternatives=options.alternatives,
        )
        grammar = options.grammar
        replaced = grammar is not None and grammar.mode == "strict"
        scorer = grammar.id if grammar is not None and (replaced or not self.scorer_id) else None
        stream = LiteRtStream(self._acoustic, search, self.model, scorer or self.scorer_id)
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
    """One utterance. Made by :meth:`LiteRtEngine.stream`; used by the engine's thread."""

    def __init__(
        self, acoustic: AcousticModel, search: DecoderStream, model: ModelInfo, scorer: str | None
    ) -> None:
        self._search = search
        self._frames: AcousticStream | None = AcousticStream(acoustic, search.advance)
        self._model = model
        self._scorer = scorer
        self._fed = 0  # samples

    def _open(self) -> AcousticStream:
        if self._frames is None:
            raise StreamClosedError("the utterance has ended", "Open another stream")
        return self._frames

    def feed(self, samples: Samples) -> None:
        self._open().feed(samples)
        self._fed += len(samples)

    def partial(self) -> Partial:
        self._open().check_thread()
        return self._search.partial()

    def finish(self) -> Transcript:
        self._open().finish()
        self._frames = None
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
        self._frames = None
