"""Perplexity before and after a language model is adapted to its owner, by what the base is worth.

Owners are readers and households out of the transcripts that the bundled network was trained on;
never those of the test sets. What an owner says later is parted into sentences that were learned
from word by word, as commands are, and others; and there is what somebody else says.
Words that the base does not know are left out of all figures: it gives them no chance at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.corpus import speech
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_adapt import WORD_WORTH, WORTH, adapt
from stt_service.decoder.ngram_file import Tables, read_ngram
from training.mixture import numbered, perplexity

BUNDLED = Path(__file__).resolve().parents[1] / "models/stt-en-small.ngram"
OWNERS = (
    ("librispeech", "7367"),
    ("librispeech", "163"),
    ("librispeech", None),
    ("common_voice", "bf35656a89be"),
    ("common_voice", None),
    ("ljspeech", None),
    ("grid_s1", None),
    ("phrases", None),
    ("alphanumeric", None),
    ("wake_words", None),
    ("speech_commands", None),
)
"""Set and speaker; without a speaker all of a set are one owner."""
LEARNED = (20, 60, 200, 600)
"""Sentences."""
WORTHS = (
    *((worth, WORD_WORTH) for worth in (3.0, WORTH, 30.0)),
    *((WORTH, word_worth) for word_worth in (30.0, 300.0)),
)
"""For histories and for single words."""
HEADER = ("owner", "learned", "then says", "base", *(f"{m:g}, {w:g}" for m, w in WORTHS))
LEAST = 8
"""Sentences; a perplexity of fewer says nothing."""
OTHERS = 100
"""Sentences of somebody else."""
Sentence = Sequence[str]


def run(learned: Sequence[int] = LEARNED) -> Iterator[tuple[object, ...]]:
    """Yield a row for each owner, number of sentences and kind of what is said then."""
    base = read_ngram(BUNDLED)
    gains: dict[tuple[int, str], list[list[float]]] = {}
    for name, speaker in OWNERS:
        learn, later, others = _said(name, speaker)
        for count in learned:
            if count > len(learn):
                continue
            own = {tuple(sentence) for sentence in learn[:count]}
            kinds = {
                "learned": [sentence for sentence in later if tuple(sentence) in own],
                "new": [sentence for sentence in later if tuple(sentence) not in own],
                "of others": others,
            }
            kinds = {kind: said for kind, said in kinds.items() if len(said) >= LEAST}
            before = [_perplexity(base, base, said) for said in kinds.values()]
            columns = []
            for worth, word_worth in WORTHS:
                tables = adapt(base, learn[:count], worth=worth, word_worth=word_worth)
                columns.append([_perplexity(tables, base, said) for said in kinds.values()])
            for kind, was, *now in zip(kinds, before, *columns, strict=True):
                gains.setdefault((count, kind), []).append(list(np.log(was / np.array(now))))
                yield (f"{name} {speaker or ''}", count, kind, *(f"{x:.1f}" for x in (was, *now)))
    for (count, kind), of_each in sorted(gains.items(), key=lambda item: item[0][::-1]):
        for what, summary in (("mean", np.mean), ("worst", np.min)):
            row = (f"{x:+.2f}" for x in summary(of_each, axis=0))
            yield (f"{what} gain of {len(of_each)}, nats", count, kind, "0", *row)


def _said(name: str, speaker: str | None) -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
    """Return what an owner says at first, what later, and what somebody else says."""
    dice = random.Random(1)
    clips = speech(f"train/{name}")
    said = [clip.transcript.split() for clip in clips if speaker in (None, clip.speaker)]
    dice.shuffle(said)
    later = max(20, len(said) // 4)
    other = speech("train/common_voice" if name != "common_voice" else "train/librispeech")
    others = [clip.transcript.split() for clip in dice.sample(other, OTHERS)]
    return said[later:], said[:later], others


def _perplexity(tables: Tables, base: Tables, said: Sequence[Sentence]) -> float:
    """The perplexity over words of ``base`` and sentence ends."""
    known = frozenset(base.words)
    words = [word if word in known else "" for word in tables.words]  # as though still unknown
    return perplexity(NgramModel(tables, "x", "x"), numbered(words, said))[0]
