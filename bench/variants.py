"""Networks side by side: size, processor time, errors; each as int8, as it ships, and as float32.

Sentences of the speakers whom training leaves out, with the bundled language model, and single
digits of one of them among the ten digits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench import corpus
from bench.corpus import Clip
from bench.measure import measured
from bench.stability import weights
from stt_service.app import data_dir
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Grammar
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.phrases.library import find
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.engine.api import Samples
from stt_service.hearing import near_silence
from training.evaluate import spread
from training.export import BLANK, TEMPERATURE, export_model
from training.moments import CLIPS, input_moments
from training.tune import SPEECH_LEVEL
from training.weights import read_any

HEADER = ("weights", "kept as", "MB", "CPU s per s", "sentences WER %", "digits WER %")
BEAM = 100
SENTENCES = ("librispeech", "common_voice")
DIGITS = "fsdd"

Row = tuple[object, ...]


def run(files: Sequence[Path]) -> Iterable[Row]:
    """Yield two rows for each file of weights, as :data:`HEADER` names them."""
    sentences = corpus.left_out(*SENTENCES)
    digits = corpus.left_out(DIGITS)
    heard = known_speech()
    for path in files:
        for kept_as, quantise in (("int8", True), ("float32", False)):
            with exported(path, heard, quantise=quantise) as model:
                yield (path.name, kept_as, *_measure(model, sentences, digits))


def known_speech() -> list[NDArray[np.float32]]:
    """Return recordings of speakers who are trained on, to round weights by."""
    left_out = corpus.speakers_left_out()
    clips = [c for name in SENTENCES for c in corpus.speech(f"train/{name}")]
    known = spread([clip for clip in clips if clip.speaker not in left_out], CLIPS)
    return [clip.samples() * np.float32(1 / 32768) for clip in known]


@contextmanager
def exported(
    weights_file: Path,
    heard: Sequence[NDArray[np.float32]],
    *,
    quantise: bool = True,
    temperature: float = TEMPERATURE,
    blank: float = BLANK,
) -> Iterator[Path]:
    """Write a ``.tflite`` file of a file of weights, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model = read_any(weights_file)
        moments = input_moments(model, heard) if quantise else None
        alphabet = Alphabet(tuple(model.config.alphabet))
        export_model(
            model.folded(),
            alphabet,
            path,
            quantise=quantise,
            moments=moments,
            temperature=temperature,
            blank=blank,
        )
        yield path


def _measure(path: Path, sentences: list[Clip], digits: list[Clip]) -> Row:
    model = AcousticModel(path, threads=1, speech_level=SPEECH_LEVEL)
    scorer = open_scorer(data_dir() / "stt-en-small.ngram", model.info.alphabet, *weights())
    decoder = Decoder(model.info.alphabet, scorer=scorer, frame_step=model.info.frame_step)
    phrases = build_grammar(find("digits"), model.info.alphabet)
    audio = [clip.samples() for clip in sentences]
    with measured() as cost:
        heard = [_text(model, decoder, samples) for samples in track(audio, "sentences")]
    words = jiwer.wer([clip.transcript for clip in sentences], heard)
    said = [clip.transcript for clip in digits]
    found = [_text(model, decoder, clip.samples(), phrases) for clip in digits]
    return (
        f"{path.stat().st_size / 1e6:.2f}",
        f"{cost.cpu / corpus.seconds(audio):.4f}",
        f"{100 * words:.1f}",
        f"{100 * jiwer.wer(said, found):.1f}",
    )


def _text(
    model: AcousticModel, decoder: Decoder, samples: Samples, grammar: Grammar | None = None
) -> str:
    stream = decoder.stream(BEAM, grammar=grammar)
    after = near_silence(model.info.sample_rate)  # as a session does
    stream.advance(model.probabilities(np.concatenate((samples, after))))
    result = stream.finish(len(samples) / corpus.RATE)
    # What is refused still has its reading: this is about hearing, not about judging.
    return result.alternatives[0].text if result.alternatives else ""
