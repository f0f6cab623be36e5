"""Damaged models, scorers, phrase files and recordings: each is a clear error or a result.

A worker process opens one damaged file after another and uses it as ``transcribe`` would. If the
worker dies, hangs, grows or raises anything but :exc:`SttError`, that case is a failure and its
seed is reported; the same seed makes the same file again.
"""

from __future__ import annotations

import multiprocessing as mp
import random
import resource
import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from bench import corpus
from stt_service.app import data_dir
from stt_service.decoder.phrases.library import FOLDER
from stt_service.errors import SttError

CASE_SECONDS = 90.0
"""The longest that a case may take; the trial run of a model alone may compute for 60 s."""
WORKER_BYTES = 3 << 30
"""Private memory of the worker; beyond it, Python raises MemoryError, which is a failure."""
MOST_FLIPS = 64
"""Bytes changed in one case."""

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"


@dataclass(frozen=True)
class Failure:
    """One case that neither was refused clearly nor gave a result."""

    kind: str
    seed: int
    reason: str


def damage(data: bytes, rng: random.Random) -> bytes:
    """Cut, flip, swap, repeat or fill parts of ``data``; most cases keep most of it."""
    raw = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not raw:
            break
        at, size = rng.randrange(len(raw)), rng.randrange(1, 1 + max(1, len(raw) // 8))
        match rng.randrange(6):
            case 0:
                del raw[at:]
            case 1:
                del raw[at : at + size]
            case 2:
                for _ in range(rng.randrange(1, MOST_FLIPS)):
                    raw[_place(rng, len(raw))] ^= 1 << rng.randrange(8)
            case 3:
                to = rng.randrange(len(raw))
                raw[at : at + size], raw[to : to + size] = raw[to : to + size], raw[at : at + size]
            case 4:
                raw[at:at] = raw[at : at + size]
            case _:
                raw[at : at + size] = bytes([rng.choice((0, 0xFF, 0x7F, 0x80))]) * size
    return bytes(raw)


def _place(rng: random.Random, size: int) -> int:
    """Choose a byte; half of them near the ends, where the headers are."""
    near = min(size, 4096)
    return rng.choice((rng.randrange(size), rng.randrange(near), size - 1 - rng.randrange(near)))


def use_model(path: Path) -> None:
    """Open a model and transcribe half a second with it."""
    from stt_service.engine.litert import LiteRtEngine  # noqa: PLC0415 -- in the worker only

    with LiteRtEngine(path, threads=1) as engine, engine.stream() as stream:
        stream.feed(np.zeros(engine.model.sample_rate // 2, np.int16))
        stream.finish()


def use_scorer(path: Path) -> None:
    """Open a scorer and search with it through two seconds of noise."""
    from stt_service.decoder.alphabet import Alphabet  # noqa: PLC0415
    from stt_service.decoder.scorer import open_scorer  # noqa: PLC0415
    from stt_service.decoder.search import Decoder  # noqa: PLC0415

    alphabet = Alphabet(tuple(ALPHABET))
    scorer = open_scorer(path, alphabet)
    stream = Decoder(alphabet, scorer=scorer, frame_step=0.02).stream(32)
    logits = np.random.default_rng(0).normal(size=(100, len(alphabet) + 1)) * 3
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    stream.advance(values.astype(np.float32))
    stream.finish(2.0)


def use_phrases(path: Path) -> None:
    """Build phrases and parse some text."""
    from stt_service.decoder.alphabet import Alphabet  # noqa: PLC0415
    from stt_service.decoder.phrases import build_grammar  # noqa: PLC0415

    build_grammar(path, Alphabet(tuple(ALPHABET))).parse("turn on the light")


def use_audio(path: Path) -> None:
    """Read a recording to its end at the model's rate."""
    from stt_service.audio.files import FileSource  # noqa: PLC0415
    from stt_service.audio.resample import mono_blocks  # noqa: PLC0415

    with FileSource(path) as source:
        for _ in mono_blocks(source, corpus.RATE):
            pass


@dataclass(frozen=True)
class Kind:
    """One kind of file: whole ones to damage, and what is done with them."""

    use: Callable[[Path], None]
    share: float
    """Of all cases, 0..1."""
    originals: tuple[Path, ...]


def kinds() -> dict[str, Kind]:
    """Return what is damaged; of ``shared/`` only what is there."""
    genuine = corpus.SHARED / "genuine"
    speech = corpus.SHARED / "speech" / "test"

    def found(*parts: Iterable[Path]) -> tuple[Path, ...]:
        return tuple(sorted(path for part in parts for path in part))

    clips = [sorted(folder.glob("*.[fo][lp][au][cs]"))[:3] for folder in sorted(speech.glob("*"))]
    return {
        "model": Kind(
            use_model, 0.1, found(genuine.glob("*/*.tflite"), data_dir().glob("*.tflite"))
        ),
        "scorer": Kind(
            use_scorer, 0.3, found(genuine.glob("*/*.scorer"), data_dir().glob("*.ngram"))
        ),
        "phrases": Kind(use_phrases, 0.3, found(FOLDER.iterdir())),
        "audio": Kind(
            use_audio,
            0.3,
            found((genuine / "wav").glob("*.wav"), data_dir().glob("*.flac"), *clips),
        ),
    }


def _work(channel: Connection, kind: Kind, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (WORKER_BYTES, WORKER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (seed := channel.recv()) is not None:
        rng = random.Random(seed)
        original = rng.choice(kind.originals)
        path = folder / f"case{original.suffix}"
        path.write_bytes(damage(original.read_bytes(), rng))
        try:
            kind.use(path)
        except SttError as error:
            channel.send(None if str(error).strip() else "an error without a text")
        except BaseException:  # noqa: BLE001 -- whatever it is, it is the finding
            channel.send(f"{original.name}: {traceback.format_exc(limit=-3)}")
        else:
            channel.send(None)


class _Worker:
    """A worker process and the pipe to it."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        context = mp.get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, kind, folder), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, seed: int) -> str | None:
        """Run one case; return what went wrong."""
        self._channel.send(seed)
        try:
            if not self._channel.poll(CASE_SECONDS):
                return f"it hung for {CASE_SECONDS:g} s"
            reason: str | None = self._channel.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return f"the process died: {self._process.exitcode}"
        return reason

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()


def run(
    cases: int, seed: int, progress: Callable[[], None]
) -> tuple[dict[str, int], list[Failure]]:
    """Run ``cases`` damaged files; return how many of each kind, and the failures."""
    counts: dict[str, int] = {}
    failures: list[Failure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in kinds().items():
            if not kind.originals:
                continue
            counts[name] = round(cases * kind.share)
            worker = _Worker(kind, Path(folder))
            for case in range(seed, seed + counts[name]):
                reason = worker.run(case)
                if reason is not None:
                    failures.append(Failure(name, case, reason))
                    worker.stop()
                    worker = _Worker(kind, Path(folder))
                progress()
            worker.stop()
    return counts, failures
