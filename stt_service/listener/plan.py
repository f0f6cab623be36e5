"""How to listen, as values and makers: what the worker is given and may be given anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stt_service.engine.api import Engine, ModelInfo, StreamOptions
from stt_service.hearing import Cutter, Judge
from stt_service.listener.api import Wishes
from stt_service.listener.gate import Gate
from stt_service.utterance_cutter import UtteranceCutter


@dataclass(frozen=True)
class Plan:
    """Everything that a reload may change. Makers are called by the worker's thread."""

    engine_key: object
    """Equal for two plans whose engines are the same."""
    open_engine: Callable[[], Engine]
    """Raises :exc:`SttError`."""
    options: Callable[[ModelInfo, Wishes], StreamOptions]
    """Builds what a stream is asked for. Raises :exc:`SttError`. Called by any thread."""
    wishes: Wishes
    """Of the microphone."""
    ear_key: object
    """Equal for two plans whose cutters and gates are the same."""
    cutter: Callable[[], UtteranceCutter]
    """Of the microphone."""
    gate: Callable[[], Gate]
    caller_cutter: Callable[[bool], Cutter]
    """Of a client; whether to cut where nobody speaks. Called by any thread."""
    judge: Judge
