"""CPU seconds per second of audio, beside the original library and a bare interpreter."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from bench import corpus, rivals
from bench.measure import alternate, measured
from bench.parity import MODEL, SCORER, transcribe
from stt_service.app import open_engine
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.engine.api import Engine, Samples
from stt_service.engine.graph import read_graph
from training.export import export_model
from training.random_model import random_arrays

LARGE_SCORER = corpus.SHARED / "genuine" / "deepspeech" / "pruned_lm.scorer"
"""A genuine 4-gram scorer for the a-z alphabet."""
ALPHABET = Alphabet(tuple(" abcdefghijklmnopqrstuvwxyz'"))
BLOCK = 1_600
"""Samples fed at a time where latency counts: 100 ms."""

Row = tuple[object, ...]


def cost(engine: Engine, audio: list[Samples], beam_width: int) -> Callable[[], float]:
    """Return a run over ``audio`` that gives CPU seconds per second."""

    def run() -> float:
        with measured() as taken:
            for samples in audio:
                transcribe(engine, samples, beam_width)
        return taken.cpu / corpus.seconds(audio)

    return run


def against_original(model: Path, scorer: Path | None, audio: list[Samples], beam: int) -> Row:
    """Return: our CPU per second, theirs, the ratio; the original is deepspeech-tflite 0.9.3."""
    with rivals.ours(model, scorer) as a, rivals.theirs("deepspeech", model, scorer) as b:
        mine, original = alternate([cost(a, audio, beam), cost(b, audio, beam)], 5)
    return mine, original, mine / original


def genuine(rounds_of_clips: int = 1) -> Iterable[Row]:
    """Yield rows for the genuine 200-wide model, beam 500, with and without its scorer."""
    audio = [clip.samples() for clip in corpus.commands()] * rounds_of_clips
    audio += [clip.samples() for clip in corpus.speech("test/an4", 12)]
    for scorer in (SCORER, None):
        name = scorer.name if scorer else "no scorer"
        yield f"genuine model, {name}, beam 500", *against_original(MODEL, scorer, audio, 500)


def official_size(core: str | None = None) -> Iterable[Row]:
    """Yield rows for 2048 wide, and what the parts cost there.

    Weights are random; with ``core``, a checkpoint or ``.float16.npz`` file, the answers are that
    network's, so that the decoder has real work.
    """
    audio = [clip.samples() for clip in corpus.speech("test/an4", 10)]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "official-size.tflite")
        export_model(random_arrays(core=_folded(core)), ALPHABET, model)
        row = against_original(model, LARGE_SCORER, audio, 100)
        yield "2048 wide, 4-gram scorer, beam 100", *row
        yield "2048 wide: acoustic part against bare interpreter", *_acoustic(model, audio)
        yield "2048 wide: decoder against whole", *_decoder_share(model, audio)


def _folded(core: str | None) -> dict[str, NDArray[np.float32]] | None:
    if core is None:
        return None
    from training.weights import read_any  # noqa: PLC0415 -- torch only where it is needed

    return read_any(Path(core)).folded()


def _acoustic(model: Path, audio: list[Samples]) -> Row:
    acoustic = AcousticModel(model, threads=1)
    bare = Interpreter(model_path=str(model), num_threads=1)
    bare.allocate_tensors()
    steps = read_graph(model).n_steps
    outputs = [acoustic.probabilities(samples) for samples in audio]
    invocations = sum(-(-len(rows) // steps) for rows in outputs)

    def mine() -> float:
        with measured() as taken:
            for samples in audio:
                acoustic.probabilities(samples)
        return taken.cpu / corpus.seconds(audio)

    def plain() -> float:
        with measured() as taken:
            for _ in range(invocations):
                bare.invoke()
        return taken.cpu / corpus.seconds(audio)

    a, b = alternate([mine, plain], 5)
    return a, b, a / b


def _decoder_share(model: Path, audio: list[Samples]) -> Row:
    acoustic = AcousticModel(model, threads=1)
    outputs = [acoustic.probabilities(samples) for samples in audio]
    info = read_graph(model)
    scorer = open_scorer(LARGE_SCORER, info.alphabet)
    decoder = Decoder(info.alphabet, scorer=scorer, frame_step=info.frame_step)

    def decode() -> float:
        with measured() as taken:
            for rows, samples in zip(outputs, audio, strict=True):
                stream = decoder.stream(100)
                stream.advance(rows)
                stream.finish(len(samples) / info.sample_rate)
        return taken.cpu / corpus.seconds(audio)

    with rivals.ours(model, LARGE_SCORER) as engine:
        a, b = alternate([decode, cost(engine, audio, 100)], 5)
    return a, b, a / b


def bundled() -> Iterable[Row]:
    """Yield rows for the bundled model: CPU, latency of the final, eight streams at once."""
    audio = [clip.samples() for clip in corpus.speech("test/coffee_orders", 24)]
    with ExitStack() as stack:
        engine = stack.enter_context(open_engine(rivals.bundled()))
        with measured() as taken:
            texts = [_feed(engine, samples)[0] for samples in audio]
        yield "bundled: CPU s per s", taken.cpu / corpus.seconds(audio), "", ""
        finals = [_feed(engine, samples)[1] for samples in audio]
        yield "bundled: last sample to final, ms", 1000 * statistics.median(finals), "", ""
        alone, together = alternate(
            [lambda: _alone(engine, audio[:8]), lambda: _interleaved(engine, audio[:8])[1]], 5
        )
        same = _interleaved(engine, audio[:8])[0] == texts[:8]
        yield "bundled: eight streams against one by one", together, alone, together / alone
        yield "bundled: eight streams, same text", same, "", ""


def _feed(engine: Engine, samples: Samples) -> tuple[str, float]:
    """Feed 100 ms at a time; return the text and the seconds that the final took."""
    with engine.stream() as stream:
        for at in range(0, len(samples), BLOCK):
            stream.feed(samples[at : at + BLOCK])
        begin = time.perf_counter()
        return stream.finish().text, time.perf_counter() - begin


def _alone(engine: Engine, audio: list[Samples]) -> float:
    with measured() as taken:
        for samples in audio:
            _feed(engine, samples)
    return taken.cpu


def _interleaved(engine: Engine, audio: list[Samples]) -> tuple[list[str], float]:
    with measured() as taken, ExitStack() as stack:
        streams = [stack.enter_context(engine.stream()) for _ in audio]
        for at in range(0, max(map(len, audio)), BLOCK):
            for stream, samples in zip(streams, audio, strict=True):
                stream.feed(samples[at : at + BLOCK])
        texts = [stream.finish().text for stream in streams]
    return texts, taken.cpu
