"""One clean recording in, a harder one out: rooms, noise, microphones, tempo, level.

Every function draws from the generator it is given and from nothing else, so that an item of an
epoch sounds the same whoever computes it. Audio is float32 at 16 kHz, full scale 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from training.features import (
    HOP,
    N_MEL,
    SAMPLE_RATE,
    WINDOW,
    channel_hertz,
    dct_matrix,
    log_mel,
    mel_channel,
)

Array = npt.NDArray[np.float32]
Rng = np.random.Generator

NOISE_LOOPS = 24
"""Ready loops of synthetic noise: drawing fresh noise takes longer than computing features."""
NOISE_SAMPLES = 1 << 14
"""Samples in such a loop (1 s)."""
ROOM_SHARE = 0.7
"""Share of rooms that are recorded or simulated ones, where there are any; others are decaying
noise."""


@dataclass(frozen=True)
class AugmentConfig:
    """How often and how much. Probabilities are per item."""

    speed: float = 0.7
    """Probability of another tempo (and pitch)."""
    speed_range: tuple[float, float] = (0.87, 1.15)
    """Tempo factors."""
    colour: float = 0.5
    """Probability of a room and a tilted frequency response."""
    narrow: float = 0.2
    """Probability of a narrow band. Some recordings have nothing above 4 kHz: strangers' will too,
    and a network that has just begun can learn that as well."""
    noise: float = 0.55
    """Probability of added noise."""
    snr_db: tuple[float, float] = (3.0, 30.0)
    """Speech power over noise power."""
    clipping: float = 0.04
    """Probability of an overdriven microphone."""
    peak_db: tuple[float, float] = (-30.0, -0.5)
    """Level of the loudest sample below full scale."""
    pad_seconds: float = 0.45
    """Most silence added at either end."""
    tight_start: float = 0.5
    """Probability of no silence before."""
    tight_both: float = 0.3
    """Probability of none before and after; as often as that there is only none after."""
    warp: float = 0.5
    """Probability of another vocal tract at the same tempo."""
    warp_range: tuple[float, float] = (0.88, 1.13)
    """Factors on all frequencies."""
    time_mask_frames: int = 12
    """Longest run of frames blotted out."""
    frames_per_time_mask: int = 120
    """Frames of an item per blotted run; shorter items keep all frames."""
    mel_mask: int = 7
    """Most neighbouring mel channels blotted out, twice."""

    def weakened(self, strength: float) -> AugmentConfig:
        """Return a gentler version: noise, rooms, clipping and masks times ``strength`` (0..1).

        Other tempos and vocal tracts stay: they make other speakers, and hardly harder ones.
        """
        return replace(
            self,
            colour=self.colour * strength,
            noise=self.noise * strength,
            clipping=self.clipping * strength,
            time_mask_frames=round(self.time_mask_frames * strength),
            mel_mask=round(self.mel_mask * strength),
        )


@dataclass(frozen=True)
class Backdrop:
    """What is mixed under speech, held by reference."""

    noises: Sequence[Array]
    """Recorded and made noise."""
    impulses: Sequence[Array]
    """Recorded and simulated room impulse responses."""
    babble: Sequence[Array]
    """Other people's speech."""


def change_speed(audio: Array, factor: float) -> Array:
    """Play ``audio`` ``factor`` times as fast (linear interpolation)."""
    position = np.arange(int(len(audio) / factor), dtype=np.float64) * factor
    index = position.astype(np.int64)
    index = np.minimum(index, max(0, len(audio) - 2))
    share = (position - index).astype(np.float32)
    return audio[index] * (1 - share) + audio[np.minimum(index + 1, len(audio) - 1)] * share


@cache
def _noise_loops() -> Array:
    """Return loops of a second of noise (``[loops, 16384]``, power 1), from white to brown."""
    rng = np.random.default_rng(0)
    loops = []
    for slope in np.linspace(0.0, 1.0, NOISE_LOOPS):
        spectrum = np.fft.rfft(rng.standard_normal(NOISE_SAMPLES))
        noise = np.fft.irfft(spectrum * np.maximum(np.arange(spectrum.size), 8) ** -slope)
        loops.append(noise / noise.std())
    return np.array(loops, dtype=np.float32)


def coloured_noise(rng: Rng, samples: int) -> Array:
    """Return noise of power 1, from white to brown (amplitude over frequency)."""
    loop = _noise_loops()[int(rng.integers(NOISE_LOOPS))]
    start = int(rng.integers(loop.size))
    repeats = -(-(samples + start) // loop.size)
    return np.tile(loop, repeats)[start : start + samples]


def _excerpt(rng: Rng, source: Array, samples: int) -> Array:
    start = int(rng.integers(max(1, len(source) - samples + 1)))
    return np.resize(source[start : start + samples], samples)


def add_noise(rng: Rng, audio: Array, backdrop: Backdrop, snr_db: tuple[float, float]) -> Array:
    """Add recorded, synthetic or spoken noise at a random ratio to the audible part's power."""
    kind = rng.random()
    if kind < 0.45 and backdrop.noises:
        noise = _excerpt(rng, backdrop.noises[int(rng.integers(len(backdrop.noises)))], len(audio))
    elif kind < 0.65 and backdrop.babble:
        noise = np.zeros(len(audio), dtype=np.float32)
        for _ in range(int(rng.integers(2, 6))):
            noise += _excerpt(
                rng, backdrop.babble[int(rng.integers(len(backdrop.babble)))], len(audio)
            )
        snr_db = (max(snr_db[0], 8.0), snr_db[1])
    else:
        noise = coloured_noise(rng, len(audio))
    power = float(np.square(audio).mean()) + 1e-10
    noise_power = float(np.square(noise).mean()) + 1e-10
    ratio = 10 ** (rng.uniform(*snr_db) / 10)
    return audio + noise * np.float32(np.sqrt(power / noise_power / ratio))


def _synthetic_impulse(rng: Rng) -> Array:
    """Return a direct sound and a decaying tail, 0.05 to 0.5 s of reverberation."""
    decay = rng.uniform(0.05, 0.5) * SAMPLE_RATE
    samples = int(min(decay, 0.4 * SAMPLE_RATE))
    tail = rng.standard_normal(samples, dtype=np.float32)
    tail *= np.exp(-6.9 * np.arange(samples, dtype=np.float32) / decay)
    tail *= np.float32(rng.uniform(0.02, 0.15))
    tail[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0.0
    tail[0] = 1.0
    return tail


def colour(rng: Rng, audio: Array, impulses: Sequence[Array]) -> Array:
    """Filter by a tilt and perhaps a room, in one pass over the spectrum."""
    impulse: Array | None = None
    if rng.random() < 0.6:
        room = len(impulses) and rng.random() < ROOM_SHARE
        impulse = impulses[int(rng.integers(len(impulses)))] if room else _synthetic_impulse(rng)
    need = len(audio) + (len(impulse) if impulse is not None else 0)
    size = fft.next_fast_len(need, real=True)
    spectrum = fft.rfft(audio, size)
    if impulse is not None:
        spectrum *= fft.rfft(impulse, size)
    octaves = np.log2(np.maximum(_hertz(spectrum.size), 60.0) / 1000.0)
    gain = 10 ** (rng.uniform(-4.0, 4.0) * octaves / 20)
    return fft.irfft(spectrum * gain, size)[: len(audio)].astype(np.float32)


def narrow(rng: Rng, audio: Array) -> Array:
    """Cut off what a telephone or a cheap microphone does not carry."""
    size = fft.next_fast_len(len(audio), real=True)
    spectrum = fft.rfft(audio, size)
    hz = _hertz(spectrum.size)
    high = rng.uniform(3300.0, 7000.0) if rng.random() < 0.5 else rng.uniform(3600.0, 4000.0)
    gain = np.clip((high + 300.0 - hz) / 300.0, 0.002, 1.0)
    if rng.random() < 0.5:
        low = rng.uniform(60.0, 350.0)
        gain *= np.clip((hz - low + 50.0) / 50.0, 0.01, 1.0)
    return fft.irfft(spectrum * gain, size)[: len(audio)].astype(np.float32)


def _hertz(bins: int) -> Array:
    return np.linspace(0.0, SAMPLE_RATE / 2, bins, dtype=np.float32)


def pad(rng: Rng, audio: Array, config: AugmentConfig) -> Array:
    """Add silence before and after, at times digital, mostly a faint hiss."""
    before, after = (int(rng.uniform(0.0, config.pad_seconds) * SAMPLE_RATE) for _ in range(2))
    # Many recordings are cut tight; the network must not lean on a second of silence.
    tight = rng.random()
    if tight < config.tight_start:
        before = 0
    if config.tight_start - config.tight_both < tight < config.tight_start + config.tight_both:
        after = 0
    after = max(after, WINDOW + HOP - len(audio))
    padded = np.pad(audio, (before, after))
    if rng.random() < 0.95:
        level = float(np.abs(audio).max(initial=1e-3)) * 10 ** (rng.uniform(-75.0, -40.0) / 20)
        padded += coloured_noise(rng, len(padded)) * np.float32(level)
    return padded


def augment(rng: Rng, audio: Array, backdrop: Backdrop, config: AugmentConfig) -> Array:
    """Return a changed copy of ``audio``; its length changes too."""
    if rng.random() < config.speed:
        audio = change_speed(audio, rng.uniform(*config.speed_range))
    audio = pad(rng, audio, config)
    if rng.random() < config.colour:
        audio = colour(rng, audio, backdrop.impulses)
    if rng.random() < config.narrow:
        audio = narrow(rng, audio)
    if rng.random() < config.noise:
        audio = add_noise(rng, audio, backdrop, config.snr_db)
    peak = float(np.abs(audio).max(initial=0.0)) + 1e-9
    audio = audio * np.float32(10 ** (rng.uniform(*config.peak_db) / 20) / peak)
    if rng.random() < config.clipping:
        limit = float(np.quantile(np.abs(audio), rng.uniform(0.95, 0.995))) + 1e-6
        audio = np.clip(audio, -limit, limit)
    return np.clip(np.round(audio * 32768), -32768, 32767).astype(np.float32) * np.float32(
        1 / 32768
    )


def warp_matrix(factor: float) -> Array:
    """Return the ``[40, 40]`` weights that move every frequency of log mel channels by ``factor``.

    A longer or shorter vocal tract, to a first approximation (Jaitly and Hinton, 2013): formants
    move, tempo and harmonics' spacing in time do not.
    """
    channel = np.arange(N_MEL)
    source = np.clip(mel_channel(channel_hertz(channel) / factor), 0, N_MEL - 1)
    left = np.minimum(source.astype(np.int64), N_MEL - 2)
    share = source - left
    weights = np.zeros((N_MEL, N_MEL), dtype=np.float32)
    weights[left, channel] = 1 - share
    weights[left + 1, channel] = share
    return weights


def masked_mfcc(rng: Rng, audio: Array, config: AugmentConfig) -> Array:
    """Return features ``[T, 26]``, perhaps of another vocal tract, with gaps in time and in mel."""
    mel = log_mel(audio)
    if rng.random() < config.warp:
        mel = mel @ warp_matrix(rng.uniform(*config.warp_range))
    mean = mel.mean(axis=0)
    for _ in range(2):
        width = int(rng.integers(0, config.mel_mask + 1))
        start = int(rng.integers(0, mel.shape[1] - width + 1))
        mel[:, start : start + width] = mean[start : start + width]
    for _ in range(len(mel) // config.frames_per_time_mask):
        width = int(rng.integers(0, config.time_mask_frames + 1))
        start = int(rng.integers(0, len(mel) - width + 1))
        mel[start : start + width] = mean
    return mel @ dct_matrix()
