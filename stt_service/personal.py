"""What an owner's words teach: which of them to learn from, and whether that has helped.

    kept utterances ──lessons──► lessons ──part──► to learn from, and held out
    heard before, heard after ──compare──► better?

An utterance teaches when its owner has written down what was said, or has let it leave as it was
heard. One of four is held out, always the same ones: nothing is learned from them, and only what
understands them better is taken over. Nothing is recognised or kept here; values come in, choices
go out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stt_service.decoder.ngram_text import Normaliser
from stt_service.store.kept import Kept
from stt_service.wer import word_errors

HELD_OUT_OF = 4
"""One utterance of so many is held out."""
ENOUGH = 10
"""Utterances of either part, below which chance decides what is better."""
MOST_HELD_OUT = 200
"""The newest ones: each is recognised several times, on a board that may be slow."""
MISSED_TWICE = 2
"""Utterances in which a word was not heard, from which on it is listened for."""
BOOST = 2.0
"""Of such a word, natural-log units: it counts as seven times as likely."""
MOST_HOT_WORDS = 50
"""Each costs time at every word; the most often missed ones are taken."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """An utterance of which it is known what was said."""

    kept: Kept
    words: tuple[str, ...]
    """That were said."""

    @property
    def held_out(self) -> bool:
        """Whether it is kept for the comparison. Its random name decides, once and for all."""
        return int(self.kept.id[:8], 16) % HELD_OUT_OF == 0


def lessons(kept: Iterable[Kept], letters: frozenset[str]) -> list[Lesson]:
    """Return what there is to learn from, oldest first; ``letters`` are those of the model.

    Left out are guests' utterances, those that are sealed, and texts with figures or signs.
    """
    found = []
    for one in kept:
        said = one.label if one.label is not None else one.text if one.review == "accepted" else ""
        if one.actor != "owner" or one.key is not None:
            continue
        words = next(Normaliser(letters).sentences([said]), None)
        if words:
            found.append(Lesson(one, tuple(words)))
    return found


def part(all_of_them: Sequence[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """Return those to learn from, and the newest of those that are held out."""
    learn = [one for one in all_of_them if not one.held_out]
    held_out = [one for one in all_of_them if one.held_out]
    return learn, held_out[-MOST_HELD_OUT:]


def digest(learn: Sequence[Lesson], base: int) -> str:
    """Return a name for what is learned from, which changes with any of it; ``base`` included."""
    content = [f"{one.kept.id} {' '.join(one.words)}" for one in learn]
    return hashlib.sha256("\n".join([str(base), *content]).encode()).hexdigest()


def hot_words(learn: Sequence[Lesson]) -> dict[str, float]:
    """Return the words that were said and more often missed than heard, with their boosts."""
    missed: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    for one in learn:
        recognised = set(one.kept.text.split())
        for word in set(one.words):
            (heard if word in recognised else missed)[word] += 1
    often = [
        word
        for word, count in missed.most_common()
        if count >= MISSED_TWICE and count > heard[word]
    ]
    return dict.fromkeys(often[:MOST_HOT_WORDS], BOOST)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How well held-out utterances were understood."""

    errors: tuple[int, ...]
    """Word errors of each."""

    @property
    def total(self) -> int:
        """Of all."""
        return sum(self.errors)

    def better_than(self, other: Outcome) -> bool:
        """Return whether it is worth a change: fewer errors, and more mended than spoilt."""
        mended = sum(a < b for a, b in zip(self.errors, other.errors, strict=True))
        spoilt = sum(a > b for a, b in zip(self.errors, other.errors, strict=True))
        return self.total < other.total and mended > spoilt


def outcome(held_out: Sequence[Lesson], recognised: Sequence[str]) -> Outcome:
    """Compare what was said with what was recognised of it."""
    return Outcome(
        tuple(
            word_errors(" ".join(one.words), text).edits
            for one, text in zip(held_out, recognised, strict=True)
        )
    )
