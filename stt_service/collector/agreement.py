"""When a transcript counts as right: votes of people in, a verdict out. No database, no clock.

A person has one vote on a clip, the last one they gave. The speaker's own correction is a vote
too, so that one other person suffices to confirm it; what a machine heard is none.

    nobody or one person ──► open ──► two agree, and more agree than not ──► valid
                              │  └───► two say there is nothing to transcribe ──► invalid
                              │  └───► many have voted, and no text has a majority ──► invalid
                              └──────► one says it tells who somebody is ──► invalid
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Reason = Literal["private", "empty", "unclear", "several", "language"]
"""Why a clip is reported: it tells who somebody is; nobody speaks; it cannot be understood;
several people speak at once; it is another language."""
REASONS: tuple[Reason, ...] = get_args(Reason)
State = Literal["open", "valid", "invalid"]

OWNER = "owner"
"""The person whose device recorded it, in the place of a tagger's number."""
AGREEING = 2
"""People that a text needs."""
ENOUGH = 7
"""Votes after which a clip without a majority is given up: it costs more than it teaches."""
MAX_TEXT = 1000
"""Characters of a transcript; the longest utterance that devices cut has a few hundred."""

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u2032`\u00b4"), "'")


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person says of a clip."""

    person: str
    """Number of the tagger, or :data:`OWNER`."""
    text: str = ""
    """What was said, in that person's spelling; empty for a report."""
    report: Reason | None = None
    """Why there is nothing to transcribe."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes come to."""

    state: State
    text: str = ""
    """Of a valid clip: the normalised text."""
    agree: int = 0
    """People for the leading text or, of an invalid clip, for the leading reason."""
    against: int = 0
    """All others who voted."""


def normalise(text: str) -> str:
    """Return the form in which transcripts are compared and published.

    Lower case, composed letters, one space between words, no punctuation but apostrophes within
    words; a hyphen parts two words. Doing it twice changes nothing.
    """
    spelled = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    kept = "".join(
        letter if letter == "'" or unicodedata.category(letter)[0] in "LMN" else " "
        for letter in spelled.translate(_APOSTROPHES)
    )
    words = (word.strip("'") for word in kept.split())
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def fault_of(text: str) -> str | None:
    """Return what is wrong with a tagger's text, as a remedy; None when it may count."""
    if len(text) > MAX_TEXT:
        return f"A transcript has at most {MAX_TEXT} characters"
    plain = normalise(text)
    if not plain:
        return "Write what was said, or report that nobody speaks"
    if any(unicodedata.category(letter)[0] == "N" for letter in plain):
        return "Write numbers as words, as they were said"
    return None


def judge(votes: Iterable[Vote]) -> Verdict:
    """Return what votes come to; the order of different people's votes does not matter."""
    last = {vote.person: vote for vote in votes}
    texts = Counter(normalise(vote.text) for vote in last.values() if vote.report is None)
    del texts[""]
    reports = Counter(vote.report for vote in last.values() if vote.report is not None)
    total = texts.total() + reports.total()
    if reports["private"]:
        # Publishing cannot be taken back, so one voice is enough to prevent it.
        return Verdict("invalid", "", reports["private"], total - reports["private"])
    useless = reports.total()
    if useless >= AGREEING and useless > total - useless:
        return Verdict("invalid", "", useless, total - useless)
    text, agree = max(texts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if agree >= AGREEING and agree > total - agree:
        return Verdict("valid", text, agree, total - agree)
    state: State = "invalid" if total >= ENOUGH else "open"
    return Verdict(state, "", max(agree, useless), total - max(agree, useless))
