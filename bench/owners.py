"""What learning from corrections brings an owner: word errors on utterances held out from it.

Households are imitated by recordings of the test sets: all of one set have one device, and correct
what it has heard. The daemon's own way is gone, from the store to the adopted scorer; each round
holds out others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.corpus import RATE, Clip, speech
from stt_service.app import Request, Session
from stt_service.app_personal import learn
from stt_service.app_store import open_store
from stt_service.config import load
from stt_service.store.kept import NewUtterance, Saved
from stt_service.store.sound import encode

HOUSEHOLDS = ("coffee_orders", "librispeech_two_speakers", "common_voice")
HEADER = (
    "household",
    "learned from",
    "held out",
    "words",
    "errors before",
    "after",
    "ratio",
    "adopted",
)


def run(rounds: int) -> Iterator[tuple[object, ...]]:
    """Yield a row for each household and round."""
    for name in HOUSEHOLDS:
        clips = speech(f"test/{name}")
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                yield (name, *_learn(Path(folder), clips))


def _learn(state: Path, clips: Sequence[Clip]) -> tuple[object, ...]:
    settings = load(flags={"paths": {"state": str(state)}}).settings
    with Session(Request(settings)) as session, open_store(settings) as store:
        consent = store.ledger.give("keep", "yes-option")
        for clip in clips:
            sound, heard = clip.samples(), session.transcribe(str(clip.path)).transcript
            new = NewUtterance(heard, len(sound) / RATE, 0, 0, {"source": "wav"})
            saved = store.utterances.save(new, encode(sound, RATE), consent.id)
            assert isinstance(saved, Saved), saved
            store.utterances.label(store.utterances.get(saved.id), clip.transcript)
    attempt = learn(settings)
    found = attempt.comparison
    assert found is not None, attempt.said
    changed = "yes" if attempt.adopted else "no"
    return (
        len(clips) - found.utterances,
        found.utterances,
        found.words,
        found.before,
        found.after,
        f"{found.after / found.before:.2f}",
        changed,
    )
