"""What is said: commands, sentences, strings of words, spelled letters and digits.

A text is written in lower case as its transcript will be, with one exception: the letter "A" of
something spelled is a capital, since a synthesiser would otherwise say it like the article.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.manifest import clean
from training.synthesis import numbers, vocabulary
from training.templates import Slot, Templates

DATA = Path(__file__).resolve().parents[1] / "data"
"""Where the templates lie."""
SENTENCE_WORDS = (2, 14)
"""Fewest and most words of a sentence of a text file."""
LEFT_OUT_WORDS = 4
"""Shorter texts belong to training always: nobody can leave out the word "stop"."""
LEFT_OUT_PERCENT = {"dev": (0, 2), "test": (2, 4)}
"""Percentiles of the hash of a text that are never trained on, by their use."""
WORDS_IN_TURN = 4
"""Words of the vocabulary, one after another, in each string of words."""

_SPELLED_A = "ay"
"""What synthesisers say for the name of the letter A."""
_QUESTIONS = frozenset(
    """
    what what's which who who's whose when where where's why how is are was were am do does did can
    could will would should may has have
    """.split()  # noqa: SIM905 - easier to read than thirty strings
)
_PUNCTUATION = re.compile(r"[.,;:!?\"()]+(\s|$)")
_ABBREVIATED = re.compile(r"\b(mr|mrs|ms|dr|st|vs|prof|jr|sr|no|mt|ft|etc|[a-z])\.", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """Something to be said."""

    transcript: str
    """In the letters of the alphabet."""
    spoken: str
    """As it is given to a synthesiser, with punctuation."""


def use_of(transcript: str) -> str:
    """Return ``train``, ``dev`` or ``test``: what a text serves for follows from its words."""
    if len(transcript.split()) >= LEFT_OUT_WORDS:
        rank = int(hashlib.sha256(transcript.encode()).hexdigest(), 16) % 100
        for use, (first, end) in LEFT_OUT_PERCENT.items():
            if first <= rank < end:
                return use
    return "train"


def read_sentences(path: Path) -> list[Line]:
    """Return a text file's sentences that the alphabet can spell."""
    result = []
    for line in path.read_text(encoding="utf-8").splitlines():
        transcript = clean(_PUNCTUATION.sub(r"\1", line))
        short, long = SENTENCE_WORDS
        if (
            transcript
            and short <= len(transcript.split()) <= long
            and not _ABBREVIATED.search(line)
            and transcript.replace("'", "").strip() == transcript.replace("'", "")
        ):
            result.append(Line(transcript, line.strip()))
    return result


def _letter(dice: random.Random) -> str:
    return dice.choice("Abcdefghijklmnopqrstuvwxyz")


def _spelled(dice: random.Random) -> str:
    word = dice.choice(vocabulary.words()).replace("'", "")[:9]
    return " ".join("A" if letter == "a" else letter for letter in word)


def _some_words(dice: random.Random, most: int = 5) -> str:
    return " ".join(vocabulary.draw(dice) for _ in range(dice.randint(1, most)))


SLOTS: Mapping[str, Slot] = {
    "word": vocabulary.draw,
    "words": _some_words,
    "title": lambda dice: _some_words(dice, 4),
    "number": numbers.draw_number,
    "digits": numbers.draw_digits,
    "time": numbers.draw_time,
    "date": numbers.draw_date,
    "year": numbers.draw_year,
    "price": numbers.draw_price,
    "ordinal": lambda dice: numbers.ordinal(dice.randint(1, 40)),
    "letter": _letter,
    "spelled": _spelled,
}
"""Lists of the templates that are computed."""


def punctuate(dice: random.Random, text: str, pauses: float = 0.0) -> str:
    """Return what a synthesiser is to read; ``pauses`` is the share of words before a pause."""
    words = [_SPELLED_A if word == "A" else word for word in text.split()]
    end = "?" if words and words[0] in _QUESTIONS else dice.choice(("", ".", ".", "!"))
    for place in range(len(words) - 1):
        if dice.random() < pauses:
            words[place] += ","
    return " ".join(words) + end


class Texts:
    """Draws lines of each kind. The same dice give the same line."""

    def __init__(self, sentences: Sequence[Line] = (), seed: int = 1) -> None:
        self._sentences = sentences
        self._seed = seed
        self._templates = Templates(DATA / "household.txt", DATA / "speaking.txt", slots=SLOTS)
        small = {name: slot for name, slot in SLOTS.items() if name == "letter"}
        self._household = Templates(DATA / "household.txt", slots=small)
        self.kinds: Mapping[str, Callable[[random.Random, int], Line]] = {
            "commands": self._command,
            "household": self._household_command,
            "joined": self._joined,
            "sentences": self._sentence,
            "words": self._words,
            "spelling": self._spelling,
        }

    def draw(self, kind: str, dice: random.Random, turn: int, use: str = "train") -> Line:
        """Return the ``turn``-th line of a kind for a use. Raises :exc:`KeyError` for others."""
        while True:
            line = self.kinds[kind](dice, turn)
            if use_of(line.transcript) == use:
                return line

    def _finish(self, dice: random.Random, text: str, pauses: float = 0.0) -> Line:
        text = re.sub(r"\ba m\b", "A m", text)
        return Line(text.lower(), punctuate(dice, text, pauses))

    def _draw(self, dice: random.Random, templates: Templates) -> str:
        while True:
            text = templates.draw(dice.choice(templates.lines), dice)
            if clean(text):
                return text

    def _command(self, dice: random.Random, _turn: int) -> Line:
        return self._finish(dice, self._draw(dice, self._templates), dice.choice((0, 0, 0, 0.08)))

    def _household_command(self, dice: random.Random, _turn: int) -> Line:
        return self._finish(dice, self._draw(dice, self._household))

    def _joined(self, dice: random.Random, turn: int) -> Line:
        parts = [self._command(dice, turn) for _ in range(2)]
        link = dice.choice(("", "", "and", "then", "and then", "after that", "also"))
        comma = dice.choice(("", ",", ",", "."))
        first = parts[0].spoken.rstrip(".!?") + comma
        return Line(
            " ".join(f"{parts[0].transcript} {link} {parts[1].transcript}".split()),
            " ".join(f"{first} {link} {parts[1].spoken}".split()),
        )

    def _sentence(self, dice: random.Random, turn: int) -> Line:
        return dice.choice(self._sentences) if self._sentences else self._command(dice, turn)

    def _words(self, dice: random.Random, turn: int) -> Line:
        words = vocabulary.in_turn(self._seed, turn, WORDS_IN_TURN)
        for _ in range(dice.randint(0, 3)):
            words.insert(dice.randint(0, len(words)), vocabulary.draw(dice))
        return self._finish(dice, " ".join(words), dice.choice((0.0, 0.15, 0.5)))

    def _spelling(self, dice: random.Random, _turn: int) -> Line:
        kind, count = dice.random(), dice.randint(1, 8)
        if kind < 0.35:
            text = numbers.draw_digits(dice, 1, 12)
        elif kind < 0.65:
            text = " ".join(_letter(dice) for _ in range(count))
        elif kind < 0.75:
            text = _spelled(dice)
        elif kind < 0.85:
            text = f"{_letter(dice)} {numbers.draw_digits(dice, 1, 5)} {_letter(dice)}"
        else:
            draws = (numbers.draw_number, numbers.draw_time, numbers.draw_date, numbers.draw_price)
            text = dice.choice((*draws, numbers.draw_year))(dice)
        return self._finish(dice, text, dice.choice((0.0, 0.0, 0.2, 0.6)))
