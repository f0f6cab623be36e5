"""What is worth a person's time, and whose word counts. Figures in, figures out: no database."""

from __future__ import annotations

import math
from collections.abc import Sequence

GOLD_AT_FIRST = 10
"""Clips of a newcomer of which about half are ones whose text is known."""
GOLD_CHANCE_AT_FIRST = 0.5
GOLD_CHANCE = 0.08
"""Share of known clips later on: one in a dozen costs little and notices who grows careless."""
GOLD_LEAST = 5
"""Known clips that somebody must have answered before they are judged by them."""
GOLD_SHARE = 0.6
"""Share of known clips that must be right; people who try reach nine in ten."""
FASTEST = 2.0
"""Times real speed at which a clip can be heard: what the page offers at most."""
SLACK_SECONDS = 0.3
"""That the clocks of sending and playing may differ by."""


def priority(confidence: float, word_counts: Sequence[int], voice_clips: int) -> float:
    """Return how much a clip may teach, 0..1: the mean of doubt, rarity and newness.

    ``word_counts`` says in how many earlier clips each word occurs, ``voice_clips`` how many
    earlier ones the same voice has. What is empty is all rare: somebody has to say what it is.
    """
    doubt = 1.0 - min(1.0, max(0.0, confidence))
    rarity = max((1.0 / math.sqrt(1 + count) for count in word_counts), default=1.0)
    newness = 1.0 / math.sqrt(1 + voice_clips)
    return (doubt + rarity + newness) / 3


def is_trusted(right: int, wrong: int) -> bool:
    """Return whether somebody's votes count, by what they said of known clips."""
    answered = right + wrong
    return answered < GOLD_LEAST or right >= GOLD_SHARE * answered


def gold_chance(tagged: int) -> float:
    """Return how probably the next clip is a known one, for somebody who has tagged so many."""
    return GOLD_CHANCE_AT_FIRST if tagged < GOLD_AT_FIRST else GOLD_CHANCE


def listening_left(seconds: float, since: float) -> float:
    """Return the seconds for which a clip is not heard whole yet; 0 when it can have been.

    ``since`` is the time since its sound was sent. Seconds of any clock.
    """
    return max(0.0, seconds / FASTEST - SLACK_SECONDS - since)
