"""The composition root: settings in, running parts out. Nothing else names a concrete class.

Heavy parts are imported in the function that builds them, so that a command which lists models
does not load a neural network.
"""
# ruff: noqa: PLC0415 -- see above

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from stt_service.closing import Closing
from stt_service.errors import ConfigError, ScorerError, SttError
from stt_service.models.store import InstalledModel, ModelStore
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.audio.api import AudioSource
    from stt_service.decoder.alphabet import Alphabet
    from stt_service.decoder.api import Grammar, Scorer
    from stt_service.engine.api import Engine
    from stt_service.events import Partial
    from stt_service.hearing import Cutter
    from stt_service.models.install import Announce, Installer
    from stt_service.transcriber import Recognition

logger = logging.getLogger(__name__)

T = TypeVar("T")

STDIN = "-"
"""Names standard input wherever a recording is named."""
DECLARE_RAW = "Declare raw audio with --rate, --channels and --encoding, or pipe WAV"


def data_dir() -> Path:
    """Return the folder of the registry and of the bundled model.

    It is a sub-package once installed, and ``models/`` beside the package in a checkout.
    """
    package = Path(__file__).parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "models"


def model_store(settings: Settings) -> ModelStore:
    """Return the models of this installation. Raises :exc:`ModelError`."""
    return ModelStore(data_dir(), settings.paths.state_dir)


def model_installer(store: ModelStore, announce: Announce) -> Installer:
    """Return what installs models into ``store``."""
    from stt_service.engine.graph import read_graph
    from stt_service.models.install import Installer

    return Installer(store, read_graph, announce)


def open_engine(settings: Settings) -> Engine:
    """Open the chosen model with the chosen engine and scorer.

    Raises :exc:`ModelError`, :exc:`ScorerError`, :exc:`EngineError` or :exc:`ConfigError`.
    """
    store = model_store(settings)
    model = store.resolve(settings.model.name)
    if settings.engine.name == "litert":
        return _open_litert(settings, store, model)
    return _open_native(settings, model)


def _open_litert(settings: Settings, store: ModelStore, model: InstalledModel) -> Engine:
    from stt_service.decoder.confidence import Calibration
    from stt_service.engine.graph import read_graph
    from stt_service.engine.litert import LiteRtEngine

    graph = read_graph(model.model)
    scorer = _open_scorer(settings, model, graph.alphabet)
    return LiteRtEngine(
        model.model,
        model_id=model.id,
        scorer=scorer,
        calibration=Calibration.from_mapping(model.calibration or {}),
        threads=_chosen(settings.engine.threads),
        state_dir=settings.paths.state_dir,
        trusted=store.vouched_for(),
        graph=graph,
        speech_level=model.speech_level,
    )


def _open_scorer(settings: Settings, model: InstalledModel, alphabet: Alphabet) -> Scorer | None:
    from stt_service.app_store import learned_version, scorer_file
    from stt_service.decoder.scorer import open_scorer

    alpha, beta = _weights(settings, model)
    if (version := learned_version(settings, model)) is not None:
        try:
            return open_scorer(scorer_file(settings, version), alphabet, alpha, beta)
        except ScorerError as error:  # as when it is forgotten in this moment
            logger.warning("what was learned is not used: %s", error)
    path = _scorer_path(settings, model)
    return open_scorer(path, alphabet, alpha, beta) if path else None


def _open_native(settings: Settings, model: InstalledModel) -> Engine:
    from stt_service.decoder.confidence import Calibration
    from stt_service.engine.native import NativeEngine
    from stt_service.engine.native.install import installed_library

    name, library = settings.engine.name, settings.engine.library
    state_dir = settings.paths.state_dir
    path = installed_library(name, state_dir) if library == "auto" else library.expanduser()
    alpha, beta = _weights(settings, model)
    engine = NativeEngine(
        model.model,
        library=path,
        model_id=model.id,
        scorer=None if _unreadable_scorer(settings, model) else _scorer_path(settings, model),
        alpha=alpha,
        beta=beta,
        calibration=Calibration.from_mapping(model.calibration or {}),
        state_dir=state_dir,
    )
    if engine.name != name:
        engine.close()
        raise ConfigError(
            f"engine.library = {path} is the {engine.name} library, but engine.name is {name}",
            f"Take --engine {engine.name}",
        )
    return engine


def _scorer_path(settings: Settings, model: InstalledModel) -> Path | None:
    path = settings.scorer.path
    if path == "auto":
        return model.scorer
    return None if path == "none" else Path(path).expanduser()


def _unreadable_scorer(settings: Settings, model: InstalledModel) -> Path | None:
    """Return the model's own scorer where nobody asked for it and the engine cannot read it.

    That is an ``.ngram`` file for the original libraries, which run without one then.
    """
    from stt_service.decoder.ngram_file import MAGIC

    if settings.engine.name == "litert" or settings.scorer.path != "auto" or model.scorer is None:
        return None
    with model.scorer.open("rb") as file:
        return model.scorer if file.read(len(MAGIC)) == MAGIC else None


def _weights(settings: Settings, model: InstalledModel) -> tuple[float | None, float | None]:
    """Return alpha and beta; None takes what is stored with the scorer."""
    own = settings.scorer.path == "auto"  # the model's weights are for its own scorer
    alpha, beta = _chosen(settings.scorer.alpha), _chosen(settings.scorer.beta)
    return (
        model.alpha if own and alpha is None else alpha,
        model.beta if own and beta is None else beta,
    )


def _chosen(value: T | Literal["auto"]) -> T | None:
    """Return a setting's value, None where it is left to the parts."""
    return None if value == "auto" else value


def find_phrases(text: str) -> tuple[Path, ...]:
    """Return the files that ``--phrases TEXT`` means: of the library by name, or a path.

    Raises :exc:`PhrasesError` when there are none.
    """
    from stt_service.decoder.phrases.library import find

    return find(text)


@dataclass(frozen=True, slots=True)
class Raw:
    """What raw audio on standard input is declared to be."""

    rate: int
    """Hertz."""
    channels: int = 1
    encoding: str = "s16le"


@dataclass(frozen=True, slots=True)
class Request:
    """What a call of ``transcribe`` wants of each recording; travels to worker processes."""

    settings: Settings
    phrases: Path | tuple[Path, ...] | None = None
    phrases_mode: Literal["strict", "bias"] = "strict"
    hot_words: Mapping[str, float] = field(default_factory=dict)
    vad: bool = False
    """Cut recordings into utterances where nobody speaks."""
    raw: Raw | None = None


def beam_width(settings: Settings) -> int | None:
    """Return the beam that the settings choose, else the one the model was tuned with.

    None where neither says one: then it is the one in the model's file. Raises :exc:`ModelError`.
    """
    chosen = _chosen(settings.decoder.beam_width)
    own = model_store(settings).resolve(settings.model.name).beam_width
    return own if chosen is None else chosen


class Session(Closing):
    """An open engine with all that a request asks for. Owned by the thread that opened it."""

    def __init__(self, request: Request) -> None:
        """Open everything. Raises a subclass of :exc:`SttError` for whatever does not open."""
        from stt_service.engine.api import StreamOptions
        from stt_service.transcriber import Transcriber

        settings = request.settings
        self._request = request
        self._engine = open_engine(_without_needless_scorer(request))
        try:
            self.unheard = self._engine.check_hot_words(request.hot_words)
            chosen = model_store(settings).resolve(settings.model.name)
            self.unread = _unreadable_scorer(settings, chosen)
            options = StreamOptions(
                beam_width=beam_width(settings),
                hot_words=request.hot_words,
                grammar=self._grammar(),
                alternatives=settings.decoder.alternatives,
            )
            # What this engine cannot do is said once, and not for each recording.
            self._engine.stream(options).close()
        except SttError:
            self._engine.close()
            raise
        self._transcriber = Transcriber(self._engine, options)

    def _grammar(self) -> Grammar | None:
        if self._request.phrases is None:
            return None
        from stt_service.decoder.alphabet import Alphabet
        from stt_service.decoder.phrases import build_grammar

        alphabet = Alphabet(self._engine.model.labels)
        return build_grammar(self._request.phrases, alphabet, self._request.phrases_mode)

    def transcribe(
        self,
        file: str,
        *,
        on_partial: Callable[[Partial], None] | None = None,
        on_progress: Callable[[float, float | None], None] | None = None,
    ) -> Recognition:
        """Transcribe a recording, or standard input where ``file`` is :data:`STDIN`.

        ``on_progress`` is told the seconds taken and, where they are known, the seconds in all.
        Raises :exc:`AudioError` and :exc:`EngineError`.
        """
        from stt_service.audio.resample import mono_blocks

        rate = self._engine.model.sample_rate
        with self._source(file) as source:
            duration = source.duration
            return self._transcriber.run(
                file,
                mono_blocks(source, rate),
                self._cutter(rate),
                on_partial=on_partial,
                on_progress=None
                if on_progress is None
                else lambda seconds: on_progress(seconds, duration),
            )

    def _source(self, file: str) -> AudioSource:
        if file == STDIN:
            from stt_service.audio.pipe import RawFormat
            from stt_service.audio.spool import open_pipe

            raw = self._request.raw
            declared = None if raw is None else RawFormat(raw.rate, raw.channels, raw.encoding)
            return open_pipe(sys.stdin.buffer, declared, declare=DECLARE_RAW)
        from stt_service.audio.files import FileSource

        return FileSource(Path(file))

    def _cutter(self, rate: int) -> Cutter:
        if self._request.vad:
            from stt_service.app_audio import utterance_cutter

            return utterance_cutter(self._request.settings, rate)
        from stt_service.length_cutter import LengthCutter

        return LengthCutter(rate)

    def close(self) -> None:
        """Free the engine. Harmless when already closed."""
        self._engine.close()


def _without_needless_scorer(request: Request) -> Settings:
    """Leave the language model closed where a strict grammar replaces it."""
    settings = request.settings
    if request.phrases is None or request.phrases_mode != "strict":
        return settings
    scorer = settings.scorer.model_copy(update={"path": "none"})
    return settings.model_copy(update={"scorer": scorer})
