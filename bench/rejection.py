"""What the bundled model answers and what it refuses, on recordings that no threshold was set on.

Commands are coffee orders by strangers; other speech is read sentences and spelled words, with the
coffee grammar and with the whole library; noise and music are made from a seed of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench import corpus, rivals
from bench.accuracy import COFFEE
from stt_service.app import open_engine
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.phrases import PhraseGrammar, build_grammar
from stt_service.decoder.phrases.library import find
from stt_service.engine.api import Engine, Samples
from training import noises

HEADER = ("sound", "grammar", "clips", "accepted %")
SPEECH = ("test/an4", "test/common_voice", "test/librispeech_two_speakers")
SECONDS = 4
"""Of each clip of noise."""
CLIPS = 60
"""Of noise and music."""
SEED = 99


def run(limit: int | None) -> Iterator[tuple[object, ...]]:
    """Yield lines of :data:`HEADER`; at most ``limit`` clips of each set."""
    rng = np.random.default_rng(SEED)
    made = [noises.KINDS[turn % len(noises.KINDS)](rng) for turn in range(limit or CLIPS)]
    noise = [_int16(sound[: SECONDS * corpus.RATE]) for sound in made]
    orders = [clip.samples() for clip in corpus.speech("test/coffee_orders", limit)]
    with open_engine(rivals.bundled()) as engine:
        alphabet = Alphabet(engine.model.labels)
        coffee, home = (build_grammar(find(name), alphabet) for name in (COFFEE, "home"))
        yield "coffee orders", "coffee", len(orders), _accepted(engine, orders, coffee)
        for grammar, name in ((coffee, "coffee"), (home, "home")):
            for speech in SPEECH:
                clips = [c for c in corpus.speech(speech, limit) if not grammar.parse(c.transcript)]
                audio = [clip.samples() for clip in clips]
                yield speech, name, len(audio), _accepted(engine, audio, grammar)
            yield "noise and music", name, len(noise), _accepted(engine, noise, grammar)
        yield "noise and music", "none", len(noise), _accepted(engine, noise, None)


def _accepted(engine: Engine, audio: list[Samples], grammar: PhraseGrammar | None) -> str:
    options = rivals.as_used(grammar)
    taken = sum(not rivals.heard(engine, options, samples).rejected for samples in audio)
    return f"{100 * taken / len(audio):.1f}"


def _int16(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Samples:
    return np.rint(sound / np.abs(sound).max() * 10_000).astype(np.int16)
