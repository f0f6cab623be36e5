"""The original libraries, installed once, and the same model opened in ours and in theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from stt_service.app import beam_width
from stt_service.config import load
from stt_service.decoder.api import Grammar
from stt_service.decoder.scorer import open_scorer
from stt_service.engine.api import Engine, Samples, StreamOptions
from stt_service.engine.graph import read_graph
from stt_service.engine.litert import LiteRtEngine
from stt_service.engine.native import NativeEngine
from stt_service.engine.native.install import install
from stt_service.events import Transcript
from stt_service.length_cutter import LengthCutter
from stt_service.settings import Settings
from stt_service.transcriber import Transcriber

STATE = platformdirs.user_cache_path("stt-service-bench")
"""Where the libraries are kept between measurements."""


def bundled() -> Settings:
    """Return settings that take the bundled model on one thread, whatever this machine's say."""
    return load(flags={"model": {"name": "stt-en-small"}, "engine": {"threads": 1}}).settings


def as_used(grammar: Grammar | None = None) -> StreamOptions:
    """Return what a session of :func:`bundled` asks of a stream: the beam it was tuned with."""
    return StreamOptions(beam_width=beam_width(bundled()), grammar=grammar)


def heard(engine: Engine, options: StreamOptions, samples: Samples) -> Transcript:
    """Return what a session makes of a recording with these samples."""
    cutter = LengthCutter(engine.model.sample_rate)
    return Transcriber(engine, options).run("", [samples], cutter).transcript


def library(name: str) -> Path:
    """Return the library of ``deepspeech`` or ``coqui``, fetched through pip the first time."""
    return install(name, STATE, announce=lambda _text: None)


@contextmanager
def ours(model: Path, scorer: Path | None = None, *, threads: int = 1) -> Iterator[Engine]:
    """Open a model in the LiteRT engine."""
    alphabet = read_graph(model).alphabet
    opened = open_scorer(scorer, alphabet) if scorer else None
    with LiteRtEngine(model, scorer=opened, threads=threads, state_dir=STATE) as engine:
        yield engine


@contextmanager
def theirs(name: str, model: Path, scorer: Path | None = None) -> Iterator[Engine]:
    """Open a model in the original library ``name``."""
    with NativeEngine(model, library=library(name), scorer=scorer, state_dir=STATE) as engine:
        yield engine
