"""What a recogniser must answer and what it must refuse: held-out sound for choosing thresholds.

Commands are held-out speakers' clips, alone and joined, in quiet and in noise; the rest is speech
that is no command, several voices at once, music, and noise. Everything follows from one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training import noises
from training.features import SAMPLE_RATE
from training.prepare import Clip, Corpus
from training.synthesis.numbers import DIGITS

Samples = npt.NDArray[np.int16]
Audio = npt.NDArray[np.float32]
Rng = np.random.Generator

CLIPS_PER_SET = 100
"""Clips of each held-out set, evenly taken; more cost minutes and change nothing."""
JOINED = 80
"""Strings of digits, put together of one speaker's single ones."""
DIGITS_JOINED = (3, 5)
"""Fewest and most digits of a string."""
GAP = 0.12
"""Seconds between joined words."""
BABBLE = 80
"""Clips of several people talking at once."""
VOICES = (3, 6)
"""Fewest and most of them."""
MADE = 120
"""Clips of made noise, a third of it music."""
PIECES = 4
"""Pieces of each recorded noise."""
LONGEST = 8.0
"""Seconds; longer speech is cut there. Who talks on for a minute is refused for that alone."""
PIECE_SECONDS = (0.8, 4.0)
"""Shortest and longest piece of noise and babble; a voice detector lets through short ones."""
LEVEL_DB = (-30.0, -3.0)
"""Loudest sample of noise, music and babble below full scale."""
SNR_DB = (8.0, 20.0)
"""Speech over noise, for every other clip of few words."""
FEW_WORDS = 7
SEED = 7


@dataclass(frozen=True)
class Trial:
    """A piece of sound."""

    kind: str
    """``speech``, ``babble``, ``music`` or ``noise``."""
    source: str
    """The set it comes from."""
    transcript: str
    """What is said; empty for what is no speech, of several people, or cut short."""
    samples: Samples
    """At 16 kHz."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


def trials(corpus: Corpus, seed: int = SEED) -> Iterator[Trial]:
    """Yield all trials; the same ones for the same corpus and seed."""
    rng = np.random.default_rng(seed)
    held_out = _evenly(corpus.select("dev"))
    recorded = [corpus.audio(clip) for clip in corpus.select("noise")]
    limit = int(LONGEST * SAMPLE_RATE)
    for turn, clip in enumerate(held_out):
        audio = corpus.audio(clip)
        if turn % 2 and recorded and clip.n_words <= FEW_WORDS:
            audio = _noisy(audio, recorded[turn // 2 % len(recorded)], rng)
        said = clip.transcript if len(audio) <= limit else ""
        yield Trial("speech", clip.set, said, _int16(audio[:limit]))
    yield from _joined(corpus, held_out, rng)
    for _ in range(BABBLE if held_out else 0):
        yield Trial("babble", "babble", "", _level(_babble(corpus, held_out, rng), rng))
    for audio in recorded:
        for _ in range(PIECES):
            yield Trial("noise", "noise", "", _level(_piece(audio, rng), rng))
    for turn in range(MADE):
        make = noises.KINDS[turn % len(noises.KINDS)]
        kind = "music" if make is noises.music else "noise"
        sound = _piece(make(rng).astype(np.float32), rng)
        yield Trial(kind, f"made {make.__name__}", "", _level(sound, rng))


def _evenly(clips: Sequence[Clip]) -> list[Clip]:
    by_set: dict[str, list[Clip]] = {}
    for clip in clips:
        by_set.setdefault(clip.set, []).append(clip)
    return [clip for found in by_set.values() for clip in found[:: -(-len(found) // CLIPS_PER_SET)]]


def _joined(corpus: Corpus, held_out: Sequence[Clip], rng: Rng) -> Iterator[Trial]:
    by_speaker: dict[tuple[str, str], list[Clip]] = {}
    for clip in held_out:
        if clip.transcript in DIGITS:
            by_speaker.setdefault((clip.set, clip.speaker), []).append(clip)
    speakers = [clips for clips in by_speaker.values() if len(clips) >= DIGITS_JOINED[0]]
    gap = np.zeros(int(GAP * SAMPLE_RATE), np.float32)
    least, most = DIGITS_JOINED
    for turn in range(JOINED if speakers else 0):
        clips = speakers[turn % len(speakers)]
        places = rng.integers(len(clips), size=rng.integers(least, most + 1))
        chosen = [clips[int(place)] for place in places]
        parts = [p for clip in chosen for p in (corpus.audio(clip, trimmed=True), gap)]
        said = " ".join(clip.transcript for clip in chosen)
        yield Trial("speech", "joined digits", said, _int16(np.concatenate(parts)))


def _babble(corpus: Corpus, held_out: Sequence[Clip], rng: Rng) -> Audio:
    length = int(rng.uniform(*PIECE_SECONDS) * SAMPLE_RATE)
    mixed = np.zeros(length, np.float32)
    for _ in range(rng.integers(VOICES[0], VOICES[1] + 1)):
        voice = np.zeros(0, np.float32)
        while len(voice) < length:
            clip = held_out[int(rng.integers(len(held_out)))]
            voice = np.concatenate((voice, corpus.audio(clip, trimmed=True)))
        start = rng.integers(len(voice) - length + 1)
        part = voice[start : start + length]
        mixed += part * np.float32(rng.uniform(0.3, 1.0) / max(float(np.abs(part).max()), 1e-6))
    return mixed


def _piece(audio: Audio, rng: Rng) -> Audio:
    length = min(int(rng.uniform(*PIECE_SECONDS) * SAMPLE_RATE), len(audio))
    start = rng.integers(len(audio) - length + 1)
    return audio[start : start + length]


def _noisy(audio: Audio, noise: Audio, rng: Rng) -> Audio:
    noise = np.resize(noise, len(audio))
    power = float(np.square(audio).mean()) / max(float(np.square(noise).mean()), 1e-12)
    return audio + noise * np.float32(np.sqrt(power / 10 ** (rng.uniform(*SNR_DB) / 10)))


def _level(audio: Audio, rng: Rng) -> Samples:
    peak = 10 ** (rng.uniform(*LEVEL_DB) / 20)
    return _int16(audio * np.float32(peak / max(float(np.abs(audio).max()), 1e-6)))


def _int16(audio: Audio) -> Samples:
    return np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)
