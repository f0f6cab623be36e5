"""What is made of the network's output: temperature and blank, by the words that are found then.

Sentences of the speakers whom training leaves out: with the bundled language model, and as a
choice among a thousand sentences of which most differ by a word from one that was said, quiet and
in noise.
``training.export.TEMPERATURE`` and ``BLANK`` were chosen so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray

from bench import corpus
from bench.accuracy import mixer
from bench.corpus import Clip
from bench.variants import BEAM, SENTENCES, exported, known_speech
from stt_service.app import data_dir
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Grammar
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel, Probabilities
from stt_service.engine.api import Samples
from stt_service.hearing import near_silence

HEADER = (
    "temperature",
    "blank",
    "beta",
    "sentences, WER %",
    "choice, wrong %",
    "choice at 8 dB, wrong %",
)
SETTINGS = ((1.0, 0.0), (1.0, -1.0), (1.0, -2.0), (1.3, 0.0), (1.3, -1.0), (1.3, -2.0), (1.6, -1.0))
"""Temperatures, and what is added to the blank's logit after them."""
ALPHA = 0.7
"""At temperature 1; a flatter output outweighs as much less of the language model."""
BETAS = (1.0, 0.0, -1.0)
"""A rarer blank wants less of a bonus for words: the best of these counts."""
SNR = 8.0
LONGEST = 14
"""Words of the sentences to choose among."""
DECOYS = 12
"""Sentences that differ by a word, for each that was said."""

Row = tuple[object, ...]
Reading = Callable[[Probabilities], str]


def run(weights: Path) -> Iterable[Row]:
    """Yield a row for each of :data:`SETTINGS`, as :data:`HEADER` names them."""
    clips = corpus.left_out(*SENTENCES)
    short = [clip for clip in clips if len(clip.transcript.split()) <= LONGEST]
    with exported(weights, known_speech(), temperature=1.0, blank=0.0) as path:
        model = AcousticModel(path, threads=1)
        alphabet, step = model.info.alphabet, model.info.frame_step
        said = _listen(model, clips, lambda samples: samples)
        quiet = [rows for clip, rows in zip(clips, said, strict=True) if clip in short]
        noisy = _listen(model, short, mixer(SNR))
    choose = _choice(short, alphabet, step)
    for temperature, blank in SETTINGS:
        rates = {}
        for beta in BETAS:
            read = _open(alphabet, step, ALPHA / temperature, beta)
            heard = [read(changed(rows, temperature, blank)) for rows in said]
            rates[beta] = jiwer.wer([clip.transcript for clip in clips], heard)
        best = min(rates, key=rates.__getitem__)
        wrong = [_wrong(short, rows, choose, temperature, blank) for rows in (quiet, noisy)]
        shares = (f"{100 * share:.1f}" for share in (rates[best], *wrong))
        yield (temperature, blank, best, *shares)


def changed(rows: Probabilities, temperature: float, blank: float) -> Probabilities:
    """Return probabilities ``[T, labels + 1]`` as an export with these settings gives them."""
    logits = np.log(np.maximum(rows, np.finfo(np.float32).tiny)) / temperature
    logits[:, -1] += blank
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def decoys(sentences: Sequence[str]) -> list[str]:
    """Return sentences that differ from one of these by a word changed, left out or added."""
    chance = random.Random(1)
    words = [word for sentence in sentences for word in sentence.split()]
    made = []
    for sentence in sentences:
        for number in range(DECOYS):
            changing = sentence.split()
            at = chance.randrange(len(changing))
            # Of three, one word changed, one left out, one added.
            changing[at : at + (number % 3 != 2)] = [chance.choice(words)] * (number % 3 != 1)
            made.append(" ".join(changing))
    return [sentence for sentence in made if sentence]


def _listen(
    model: AcousticModel, clips: Sequence[Clip], change: Callable[[Samples], Samples]
) -> list[NDArray[np.float32]]:
    after = near_silence(model.info.sample_rate)
    return [model.probabilities(np.concatenate((change(clip.samples()), after))) for clip in clips]


def _open(alphabet: Alphabet, step: float, alpha: float, beta: float) -> Reading:
    scorer = open_scorer(data_dir() / "stt-en-small.ngram", alphabet, alpha, beta)
    return _reading(Decoder(alphabet, scorer=scorer, frame_step=step), None)


def _choice(clips: Sequence[Clip], alphabet: Alphabet, step: float) -> Reading:
    said = sorted({clip.transcript for clip in clips})
    grammar = build_grammar("\n".join(sorted({*said, *decoys(said)})), alphabet)
    return _reading(Decoder(alphabet, frame_step=step), grammar)


def _reading(decoder: Decoder, grammar: Grammar | None) -> Reading:
    def read(rows: Probabilities) -> str:
        stream = decoder.stream(BEAM, grammar=grammar)
        stream.advance(rows)
        # What is refused still has its reading: this is about hearing, not about judging.
        found = stream.finish(len(rows) * decoder.frame_step).alternatives
        return found[0].text if found else ""

    return read


def _wrong(
    clips: Sequence[Clip],
    heard: Sequence[Probabilities],
    choose: Reading,
    temperature: float,
    blank: float,
) -> float:
    chosen = (choose(changed(rows, temperature, blank)) for rows in heard)
    return float(
        np.mean([text != clip.transcript for clip, text in zip(clips, chosen, strict=True)])
    )
