"""How wide a beam must be: words wrong and processor time, by the search's rules and its width.

Sentences of the speakers whom training leaves out, with the bundled language model. "As DeepSpeech"
is the search that DeepSpeech's own scorers get; others do without one of our rules, or have both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import jiwer
import numpy as np

from bench import corpus
from bench.measure import measured
from bench.stability import weights
from bench.variants import SENTENCES
from stt_service.app import data_dir
from stt_service.decoder.api import Scorer
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.hearing import near_silence
from training.tune import SPEECH_LEVEL

HEADER = ("search", "beam", "WER %", "CPU s per s")
BEAMS = (30, 100, 300, 1000, 3000)

Row = tuple[object, ...]


def searches(scorer: Scorer) -> dict[str, Scorer]:
    """Return the scorer as it is, and with either rule or both taken away."""
    blind = replace(scorer.lexicon, ahead=None)
    return {
        "as DeepSpeech": replace(scorer, lexicon=blind, as_deepspeech=True),
        "looks ahead": replace(scorer, as_deepspeech=True),
        "drops what is outdone": replace(scorer, lexicon=blind),
        "both": scorer,
    }


def run(beams: Iterable[int]) -> Iterable[Row]:
    """Yield a row for each search and width, as :data:`HEADER` names them."""
    model = AcousticModel(data_dir() / "stt-en-small.tflite", threads=1, speech_level=SPEECH_LEVEL)
    alphabet, step = model.info.alphabet, model.info.frame_step
    after = near_silence(model.info.sample_rate)
    clips = corpus.left_out(*SENTENCES)
    said = [clip.transcript for clip in clips]
    audio = [np.concatenate((clip.samples(), after)) for clip in clips]
    heard = [model.probabilities(samples) for samples in audio]
    scorer = open_scorer(data_dir() / "stt-en-small.ngram", alphabet, *weights())
    for name, searched in searches(scorer).items():
        decoder = Decoder(alphabet, scorer=searched, frame_step=step)
        for beam in beams:
            texts = []
            with measured() as cost:
                for rows in heard:
                    stream = decoder.stream(beam)
                    stream.advance(rows)
                    texts.append(stream.finish(len(rows) * step).text)
            wrong = 100 * jiwer.wer(said, texts)
            yield name, beam, f"{wrong:.1f}", f"{cost.cpu / corpus.seconds(audio):.4f}"
