"""Fills the store, for the proof, with what an owner has corrected: bundled recordings in noise.

Run by the service's own Python, as the user whose store it is and who has agreed.
"""

from __future__ import annotations

import numpy as np
import soundfile

from stt_service.app import data_dir
from stt_service.app_store import open_store
from stt_service.config import load
from stt_service.events import Transcript
from stt_service.store.kept import NewUtterance, Saved
from stt_service.store.sound import encode

COPIES = 24
"""Of each recording. A quarter is held out: some twenty-four, never fewer than the ten it takes."""
NOISE = 1.4
"""Times as loud as speech: the model's own scorer misses words in it."""
HEARD = "something else"
"""What was understood of each before it was corrected."""


def main() -> None:
    """Save each copy and write down what was said, as the recording's name tells."""
    noise = np.random.default_rng(1)
    with open_store(load().settings) as store:
        consent = store.ledger.standing().owner
        assert consent is not None, "nobody has agreed"
        for path in sorted(data_dir().glob("demo-*.flac")) * COPIES:
            samples, rate = soundfile.read(path, dtype="int16")
            level = NOISE * np.sqrt(np.mean(np.square(samples, dtype=float)))
            noisy = np.clip(samples + noise.normal(0, level, len(samples)), -32768, 32767)
            said = path.stem.split("-", 2)[2].replace("-", " ")
            saved = store.utterances.save(
                NewUtterance(_heard(), len(samples) / rate, 0, 0, {"source": "proof"}),
                encode(noisy.astype(np.int16), rate),
                consent.id,
            )
            assert isinstance(saved, Saved), saved
            store.utterances.label(store.utterances.get(saved.id), said)


def _heard() -> Transcript:
    return Transcript(
        text=HEARD,
        words=(),
        confidence=0.5,
        alternatives=(),
        rejected=False,
        start=0.0,
        end=1.0,
        model="stt-en-small",
        scorer="stt-en-small",
        engine="litert",
    )


if __name__ == "__main__":
    main()
