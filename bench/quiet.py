"""What a quiet microphone costs, with and without the gain before the voice detector.

    recording in a quiet room, softer ──► detector, with gain or without ──► segmenter ──► engine

The room's noise is made, and becomes softer with the voice, as at a microphone that is turned down.
"""

from __future__ import annotations

from collections.abc import Iterator

import jiwer
import numpy as np
from numpy.typing import NDArray

from bench import corpus, rivals
from bench.accuracy import COFFEE, grammar_for, same_meaning
from stt_service.app import open_engine
from stt_service.app_audio import utterance_cutter
from stt_service.decoder.phrases import PhraseGrammar
from stt_service.engine.api import Engine
from stt_service.settings import Settings
from stt_service.transcriber import Transcriber

SOFTER = (0, 10, 20, 30)
"""Decibels."""
ROOM_DB = -66.0
"""The room's noise below full scale, before it becomes softer."""
AROUND_SECONDS = 0.8
"""Of it before and after each recording."""
HEADER = (
    "softer by dB",
    "detector's gain",
    "coffee orders: all slots right %",
    "nothing heard %",
    "common_voice: WER %",
)


def run(limit: int | None) -> Iterator[tuple[object, ...]]:
    """Yield rows as :data:`HEADER` names them."""
    orders = corpus.speech("test/coffee_orders", limit)
    sentences = corpus.speech("test/common_voice", limit)
    shipped = rivals.bundled()
    without = shipped.model_copy(update={"vad": shipped.vad.model_copy(update={"max_gain": 0.0})})
    with open_engine(shipped) as engine:
        grammar = grammar_for(engine, COFFEE)
        for softer in SOFTER:
            for name, settings in (("none", without), ("as shipped", shipped)):
                texts = _heard(engine, settings, orders, softer, grammar)
                right = sum(
                    same_meaning(grammar, text, clip.transcript)
                    for text, clip in zip(texts, orders, strict=True)
                )
                said = [clip.transcript for clip in sentences]
                wer = jiwer.wer(said, _heard(engine, settings, sentences, softer))
                shares = (right / len(orders), texts.count("") / len(orders), wer)
                yield (softer, name, *(f"{100 * share:.1f}" for share in shares))


def _heard(
    engine: Engine,
    settings: Settings,
    clips: list[corpus.Clip],
    softer: int,
    grammar: PhraseGrammar | None = None,
) -> list[str]:
    transcriber = Transcriber(engine, rivals.as_used(grammar))
    return [
        transcriber.run(
            "",
            [in_a_room(clip.samples(), softer, seed)],
            utterance_cutter(settings, corpus.RATE),
        ).transcript.text
        for seed, clip in enumerate(clips)
    ]


def in_a_room(samples: NDArray[np.int16], softer: int, seed: int) -> NDArray[np.int16]:
    """Return a recording in noise, all of it ``softer`` by so many decibels."""
    around = np.zeros(int(AROUND_SECONDS * corpus.RATE))
    whole = np.concatenate((around, samples, around))
    noise = np.random.default_rng(seed).normal(0, 32768 * 10 ** (ROOM_DB / 20), len(whole))
    return np.rint((whole + noise) * 10 ** (-softer / 20)).clip(-32768, 32767).astype(np.int16)
