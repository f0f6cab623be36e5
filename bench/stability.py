"""How soon words become stable in long unbroken speech, and what settling them costs in errors.

Sentences of the readers whom training leaves out, joined to one utterance; the bundled model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import jiwer
import numpy as np
from numpy.typing import NDArray

from bench import corpus, rivals
from bench.measure import measured
from stt_service.app import data_dir, model_store
from stt_service.decoder import past
from stt_service.decoder.api import Scorer
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel

HEADER = (
    "scorer",
    "settled after s",
    "WER %",
    "words",
    "stable after s: median",
    "95 %",
    "worst",
    "decoder CPU s per s",
)
MINUTES = 12
BEAM = 100
STEP = 16
"""Frames in one run of the network."""
NEVER = 24 * 3600.0
AFTER = (NEVER, 30.0, 5.0, 3.0, 2.0, 1.5, 1.0)
"""Seconds; the first settles nothing."""

Row = tuple[object, ...]


@contextmanager
def settling(after: float) -> Iterator[None]:
    """Settle what was said so many seconds ago, from the beginning of an utterance."""
    kept = past.WHOLE_SECONDS, past.MAX_UNSETTLED_SECONDS
    past.WHOLE_SECONDS = past.MAX_UNSETTLED_SECONDS = after
    try:
        yield
    finally:
        past.WHOLE_SECONDS, past.MAX_UNSETTLED_SECONDS = kept


def run() -> Iterable[Row]:
    """Yield rows as :data:`HEADER` names them."""
    clips, audio = [], []
    for clip in corpus.left_out("librispeech"):
        if corpus.seconds(audio) < 60 * MINUTES:
            clips.append(clip)
            audio.append(clip.samples())
    model = AcousticModel(data_dir() / "stt-en-small.tflite", threads=1)
    probabilities = model.probabilities(np.concatenate(audio))
    said = " ".join(clip.transcript for clip in clips)
    own = open_scorer(data_dir() / "stt-en-small.ngram", model.info.alphabet, *weights())
    for scorer in (own, None):
        decoder = Decoder(model.info.alphabet, scorer=scorer, frame_step=model.info.frame_step)
        for after in AFTER:
            with settling(after):
                yield _row(decoder, scorer, after, probabilities, said)


def weights() -> tuple[float | None, float | None]:
    """Return alpha and beta of the bundled model."""
    model = model_store(rivals.bundled()).resolve("stt-en-small")
    return model.alpha, model.beta


def _row(
    decoder: Decoder,
    scorer: Scorer | None,
    after: float,
    probabilities: NDArray[np.float32],
    said: str,
) -> Row:
    step, frames = decoder.frame_step, len(probabilities)
    stream = decoder.stream(BEAM)
    seen = []
    cpu = 0.0
    for begin in range(0, frames, STEP):
        with measured() as cost:
            stream.advance(probabilities[begin : begin + STEP])
        cpu += cost.cpu
        seen.append(((begin + STEP) * step, len(stream.partial().stable.split())))
    result = stream.finish(frames * step)
    starts = [word.start for word in result.words]
    waits = [now - starts[n] for now, n in seen if n < len(starts) and starts[n] < now]
    return (
        scorer.id if scorer else "none",
        "never" if after == NEVER else f"{after:g}",
        f"{100 * jiwer.wer(said, result.text):.1f}",
        len(result.words),
        f"{np.median(waits):.1f}",
        f"{np.percentile(waits, 95):.1f}",
        f"{max(waits):.1f}",
        f"{cpu / (frames * step):.4f}",
    )
