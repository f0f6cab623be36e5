"""What the tests of the store save: utterances of a few milliseconds."""

from __future__ import annotations

import numpy as np

from stt_service.events import Alternative, Transcript
from stt_service.listener.api import Recording
from stt_service.store.consent import Consent
from stt_service.store.kept import Kept, NewUtterance, Quota, Saved
from stt_service.store.sound import encode
from stt_service.store.utterances import Utterances

RATE = 16_000
ROOMY = Quota(bytes=1 << 30, days=365.0, keep_free=0)


def heard(text: str = "turn on the light", *others: str) -> Transcript:
    """Return what an engine makes of an utterance."""
    texts = (text, *others)
    return Transcript(
        text=text,
        confidence=0.9,
        words=(),
        alternatives=tuple(Alternative(one, 0.9 / n) for n, one in enumerate(texts, start=1)),
        rejected=False,
        start=1.0,
        end=2.0,
        model="tiny",
        scorer=None,
        engine="litert",
    )


def new(text: str = "turn on the light") -> NewUtterance:
    """Return what is kept beside a sound."""
    return NewUtterance(heard(text), 0.1, 0, 0, {"source": "microphone", "rate": RATE})


def samples(seed: int, count: int = 400) -> np.ndarray:
    """Return noise; another seed sounds different."""
    return np.random.default_rng(seed).integers(-9000, 9000, count).astype(np.int16)


def sound(seed: int, count: int = 400) -> bytes:
    """Return such noise as FLAC."""
    return encode(samples(seed, count), RATE)


def recording(permit: str, seed: int = 0, text: str = "turn on the light") -> Recording:
    """Return what the listener hands to a tap."""
    return Recording(heard(text), samples(seed), RATE, overflows=0, permit=permit)


def save(utterances: Utterances, consent: Consent, seed: int = 0, text: str = "yes") -> Kept:
    """Save noise; return what lies there."""
    saved = utterances.save(new(text), sound(seed), consent.id)
    assert isinstance(saved, Saved)
    return utterances.get(saved.id)
