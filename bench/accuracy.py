"""Word error rates and slots of the bundled model, PocketSphinx on the same clips in the same run.

Noise is mixed in from ``shared/speech/train/noise`` at fixed places, so that a run can be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jiwer
import numpy as np
import yaml
from numpy.typing import NDArray

from bench import corpus, rivals
from bench.corpus import Clip
from bench.fsg import to_fsg
from bench.measure import measured
from stt_service.app import open_engine
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.phrases import PhraseGrammar, build_grammar
from stt_service.decoder.phrases.library import find
from stt_service.engine.api import Engine, Samples
from training.language import HOUSEHOLD

COFFEE = str(Path(__file__).resolve().parents[1] / "examples" / "phrases" / "coffee.yaml")

Transcribe = Callable[[Samples], str]


@dataclass(frozen=True)
class Score:
    """How one recogniser did on some clips."""

    wer: float
    """Word error rate, 0 and up."""
    exact: float
    """Share of clips, 0..1, with all words right; with slots: all slots and the intent right."""
    cpu: float
    """CPU seconds per second of audio."""


def ours(engine: Engine, grammar: PhraseGrammar | None = None) -> Transcribe:
    """Return our recogniser, with ``grammar`` as the only allowed sentences."""
    options = rivals.as_used(grammar)

    def transcribe(samples: Samples) -> str:
        return rivals.heard(engine, options, samples).text

    return transcribe


def _peer(fsg: str | None = None, *, wide: bool = False) -> Transcribe:
    from bench.pocketsphinx_peer import PocketSphinx  # noqa: PLC0415 -- --no-peer goes without

    return PocketSphinx(fsg, wide=wide).transcribe


def score(
    transcribe: Transcribe,
    clips: list[Clip],
    *,
    grammar: PhraseGrammar | None = None,
    noise: Callable[[Samples], Samples] = lambda samples: samples,
) -> Score:
    """Transcribe ``clips`` and compare. With ``grammar`` meanings are compared, not words."""
    audio = [noise(clip.samples()) for clip in clips]
    with measured() as cost:
        texts = [transcribe(samples) for samples in audio]
    said = [clip.transcript for clip in clips]
    right = [
        heard == spoken if grammar is None else same_meaning(grammar, heard, spoken)
        for heard, spoken in zip(texts, said, strict=True)
    ]
    return Score(jiwer.wer(said, texts), float(np.mean(right)), cost.cpu / corpus.seconds(audio))


def same_meaning(grammar: PhraseGrammar, heard: str, spoken: str) -> bool:
    """Whether both are sentences of the grammar with the same intent and slots."""
    meant = grammar.parse(spoken)
    return meant is not None and grammar.parse(heard) == meant


def mixer(snr: float) -> Callable[[Samples], Samples]:
    """Return a function that adds recorded noise at ``snr`` dB, in turn from each recording."""
    folder = corpus.SHARED / "speech" / "train" / "noise"
    paths = sorted(p for p in folder.iterdir() if p.suffix in {".wav", ".flac", ".ogg", ".opus"})
    noises = [Clip(path, "", "").samples().astype(np.float64) for path in paths]
    turn = 0

    def mix(samples: Samples) -> Samples:
        nonlocal turn
        noise = np.resize(noises[turn % len(noises)], len(samples))
        turn += 1
        speech = samples.astype(np.float64)
        wanted = _power(speech) / 10 ** (snr / 10)
        mixed = speech + noise * np.sqrt(wanted / max(_power(noise), 1.0))
        return np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)

    return mix


def _power(samples: NDArray[np.float64]) -> float:
    return float(np.mean(samples**2))


def grammar_for(engine: Engine, name: str) -> PhraseGrammar:
    """Build one of the phrase files of ``examples/phrases`` for the engine's model."""
    return build_grammar(find(name), Alphabet(engine.model.labels))


SNRS = (24, 18, 12, 6)
"""Decibels of speech over noise."""

HEADER = ("set", "noise", "recogniser", "WER %", "right %", "CPU s per s")


def run(
    peer: bool, noise: bool, only: tuple[str, ...] = (), made_up: Path | None = None
) -> Iterable[tuple[object, ...]]:
    """Yield rows as :data:`HEADER` names them, of the sets whose names begin with ``only``.

    With ``made_up``, the ``left_out`` folder of a training's run, of its voices too.
    """
    parts: dict[str, Callable[[Engine, bool], Iterable[tuple[object, ...]]]] = {
        "digits": _digits,
        "coffee_orders": partial(_coffee, SNRS if noise else ()),
        **{
            name: partial(_open, corpus.SHARED / "speech" / "test" / name)
            for name in ("an4", "librispeech_two_speakers", "common_voice")
        },
    }
    if made_up:
        parts["household_commands"] = partial(_household, made_up / "test" / "household_commands")
        for folder in sorted((made_up / "test").glob("synthetic_*")):
            parts[folder.name] = partial(_open, folder)
    with open_engine(rivals.bundled()) as engine:
        for name, part in parts.items():
            if not only or name.startswith(only):
                yield from part(engine, peer)


def _digits(engine: Engine, peer: bool) -> Iterable[tuple[object, ...]]:
    """Digits by the speaker whom training leaves out."""
    clips = corpus.left_out("fsdd")
    grammar = grammar_for(engine, "digits")
    yield from _side_by_side("digits, left-out speaker", engine, clips, grammar, peer)


def _coffee(snrs: tuple[int, ...], engine: Engine, peer: bool) -> Iterable[tuple[object, ...]]:
    clips = corpus.speech("test/coffee_orders")
    grammar = grammar_for(engine, COFFEE)
    for snr in (None, *snrs):
        # Once, since it takes minutes: with its own beams PocketSphinx misses some orders.
        wide = peer and snr is None
        yield from _side_by_side(
            "coffee_orders, slots", engine, clips, grammar, peer, snr, wide=wide
        )


def _household(folder: Path, engine: Engine, peer: bool) -> Iterable[tuple[object, ...]]:
    """Commands of 300 templates, all of them to choose among."""
    clips = corpus.clips_in(folder)
    grammar = build_grammar(household_phrases(), Alphabet(engine.model.labels))
    yield from _side_by_side(folder.name, engine, clips, grammar, peer, meaning=False)


def household_phrases() -> str:
    """Return the templates that commands are made up from, as a file of phrases."""
    rules, sentences = {}, []
    for line in HOUSEHOLD.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            template = re.sub(r"{(\w+)}", r"<\1>", line)
            name, defines, body = template.partition(" = ")
            if defines:
                rules[name.strip("<>")] = f"({body})"
            else:
                sentences.append(template)
    return yaml.safe_dump(
        {
            "language": "en",
            "intents": {"Household": {"data": [{"sentences": sentences}]}},
            "expansion_rules": rules,
        }
    )


def _side_by_side(
    name: str,
    engine: Engine,
    clips: list[Clip],
    grammar: PhraseGrammar,
    peer: bool,
    snr: int | None = None,
    *,
    meaning: bool = True,
    wide: bool = False,
) -> Iterable[tuple[object, ...]]:
    """Yield a row for each recogniser, all with the same phrases."""
    both = [("stt-service", ours(engine, grammar))]
    if peer:
        fsg = to_fsg(grammar.id, grammar.lexicon, Alphabet(engine.model.labels))
        both.append(("pocketsphinx", _peer(fsg)))
        if wide:
            both.append(("pocketsphinx, wide beams", _peer(fsg, wide=True)))
    for rival, transcribe in both:
        mix = mixer(snr) if snr is not None else lambda samples: samples
        result = score(transcribe, clips, grammar=grammar if meaning else None, noise=mix)
        yield _row(name, "clean" if snr is None else f"{snr} dB", rival, result)


def _open(folder: Path, engine: Engine, peer: bool) -> Iterable[tuple[object, ...]]:
    clips = corpus.clips_in(folder)
    both = [("stt-service", ours(engine))]
    if peer:
        both.append(("pocketsphinx", _peer()))
    for rival, transcribe in both:
        yield _row(folder.name, "clean", rival, score(transcribe, clips))


def _row(name: str, noise: str, rival: str, result: Score) -> tuple[object, ...]:
    return (
        name,
        noise,
        rival,
        f"{100 * result.wer:.1f}",
        f"{100 * result.exact:.1f}",
        f"{result.cpu:.4f}",
    )
