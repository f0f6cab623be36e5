"""Who is trained on and who is tested on: decided by each speaker's pseudonym alone.

A split that depends on nothing else stays as it is however the dataset grows or shrinks, on every
machine, and no voice is ever in two of them.
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

TEST_PERCENT = 10
"""Of all speakers: never trained on."""
DEV_PERCENT = 10
"""Of all speakers: to choose between models while training."""
HUNDREDTHS = 2**64 / 100
"""Of the range of the hash that decides."""


def speaker_id(pseudonym: str) -> str:
    """Return the name under which a contributor is published: 64 digits.

    The pseudonym itself, which device and collector know, stays with them.
    """
    return hashlib.sha256(f"stt-service speaker:{pseudonym}".encode()).hexdigest()


def split_of(speaker: str) -> Split:
    """Return the split of a published speaker."""
    place = hashlib.sha256(f"stt-service split:{speaker}".encode()).digest()
    share = int.from_bytes(place[:8]) / HUNDREDTHS
    if share < TEST_PERCENT:
        return "test"
    return "dev" if share < TEST_PERCENT + DEV_PERCENT else "train"
