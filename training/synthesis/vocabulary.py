"""Words of English by how common they are, so that made-up speech leaves none of them out."""

from __future__ import annotations

import random
from functools import cache

import wordfreq

WORDS = 32_000
"""Words taken, the most common first."""
COMMON = 2500
"""Words that count as common: half of all words drawn are of these."""
_LISTED = 60_000
"""Entries of wordfreq's list looked at; numbers, abbreviations and names of one letter go."""
_VOWELS = frozenset("aeiouy")
_SHORT = frozenset(
    """
    ad ah am an as at ax be by do ex go ha he hi if in is it me my no of oh on or ox pi so to up us
    we ye yo
    """.split()  # noqa: SIM905 - a list of a hundred strings is no easier to read
)
"""Words of two letters; other pairs of letters are abbreviations."""
_ABBREVIATIONS = frozenset(
    """
    mrs etc inc corp dept vol est ave apt rev gen lbs bbc nba usa fbi cia nfl uefa ufc aka asap diy
    faq url html http www css sql php pdf gps usb cpu gpu led atm ceo cfo nasa nato lol omg wtf idk
    imo tbh btw jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri mph
    univ govt assoc ltd bros ctrl esc msgr capt sgt lieut hon jpeg jpg gif png api app ios iii vii
    viii xiii sic lib los las des del der den les una und que por con
    """.split()  # noqa: SIM905
)
"""What a synthesiser spells out, expands or reads in another language."""
_RUDE = (
    "fuck", "shit", "cunt", "nigg", "bitch", "porn", "whore", "slut", "rape", "penis", "vagina",
    "faggot", "retard", "cock", "dick", "pussy", "bastard", "asshole", "jizz", "dildo", "blowjob",
)  # fmt: skip
_RUDE_EXCEPT = frozenset({"cocktail", "cocktails", "peacock", "cockpit", "hancock", "drapes"})


def _speakable(word: str) -> bool:
    if not word.isascii() or not word.replace("'", "").isalpha() or word[0] == "'":
        return False
    if len(word) < 3:
        return word in _SHORT
    if word in _ABBREVIATIONS or not _VOWELS & set(word):
        return False
    return word in _RUDE_EXCEPT or not any(part in word for part in _RUDE)


@cache
def words() -> tuple[str, ...]:
    """Return :data:`WORDS` words, lower case, the most common first."""
    return tuple(filter(_speakable, wordfreq.top_n_list("en", _LISTED)))[:WORDS]


@cache
def _shuffled(seed: int) -> tuple[str, ...]:
    every = list(words())
    random.Random(seed).shuffle(every)
    return tuple(every)


def draw(dice: random.Random) -> str:
    """Return a word: half of the time a common one, else any."""
    every = words()
    return every[dice.randrange(COMMON if dice.random() < 0.5 else len(every))]


def in_turn(seed: int, turn: int, count: int) -> list[str]:
    """Return the ``turn``-th ``count`` words of all of them in random order, over and over."""
    every = _shuffled(seed)
    return [every[(turn * count + i) % len(every)] for i in range(count)]
