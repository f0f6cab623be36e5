"""Noise that nobody recorded: hums, machines, water, knocks, music. Writes a set ``noise_made``.

Everything is summed from tones and filtered noise; the same seed gives the same clips. Recorded
noise sounds truer, but there is little of it that may be used, and a network learns nine clips by
heart.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from training.features import SAMPLE_RATE

Array = npt.NDArray[np.float64]
Rng = np.random.Generator

SET_NAME = "noise_made"
"""Folder of the set."""
SECONDS = 20
"""Length of a clip."""
SAMPLES = SECONDS * SAMPLE_RATE
CLIPS_PER_KIND = 12
"""Clips of each kind of noise."""
_TIME = np.arange(SAMPLES) / SAMPLE_RATE
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))
"""Semitones above the tonic: major, minor, pentatonic, blues."""


def filtered(rng: Rng, low: float, high: float, slope: float = 0.0) -> Array:
    """Return noise of power 1 between two frequencies in Hz, falling by ``slope`` dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(SAMPLES))
    hz = np.maximum(np.fft.rfftfreq(SAMPLES, 1 / SAMPLE_RATE), 1.0)
    octaves = np.log2(hz / max(low, 20.0))
    gain = 10 ** (-slope * np.clip(octaves, 0, None) / 20)
    gain *= 1 / (1 + (low / hz) ** 6) / (1 + (hz / high) ** 6)
    noise: Array = np.fft.irfft(spectrum * gain, SAMPLES)
    noise /= noise.std()
    return noise


def _slow(rng: Rng, rate: float) -> Array:
    """Return a curve from 0 to 1 that wanders ``rate`` times a second."""
    points = rng.uniform(0, 1, int(SECONDS * rate) + 3)
    return np.interp(_TIME * rate, np.arange(len(points)), points)


def hum(rng: Rng) -> Array:
    """Return mains hum with its harmonics, over a hiss."""
    mains = rng.choice((50.0, 60.0))
    result = 0.05 * filtered(rng, 50, 7000, rng.uniform(0, 6))
    for harmonic in range(1, int(rng.integers(4, 20))):
        amplitude = rng.uniform(0, 1) / harmonic ** rng.uniform(0.3, 1.5)
        phase = rng.uniform(0, 2 * np.pi)
        result += amplitude * np.sin(2 * np.pi * mains * harmonic * _TIME + phase)
    return result


def machine(rng: Rng) -> Array:
    """Return a fan, a vacuum cleaner or a mixer: broad noise, and tones of its turning."""
    turns = rng.uniform(15, 180) * (1 + 0.03 * _slow(rng, 0.5))
    phase = 2 * np.pi * np.cumsum(turns) / SAMPLE_RATE
    blades = int(rng.integers(2, 9))
    tones = sum(
        rng.uniform(0, 1) / k * np.sin(k * blades * phase + rng.uniform(0, 6)) for k in range(1, 12)
    )
    broad = filtered(rng, rng.uniform(40, 300), rng.uniform(1500, 7500), rng.uniform(0, 5))
    flutter = 1 + rng.uniform(0, 0.4) * np.sin(phase)
    return broad * flutter + rng.uniform(0.1, 1.5) * np.asarray(tones)


def water(rng: Rng) -> Array:
    """Return a tap, a shower or a boiling kettle: hiss that swells and bubbles."""
    hiss = filtered(rng, rng.uniform(300, 1500), rng.uniform(4000, 7900), rng.uniform(0, 3))
    result = hiss * (0.4 + _slow(rng, rng.uniform(0.3, 8)))
    for _ in range(int(rng.integers(0, 400))):
        _add(result, int(rng.integers(SAMPLES)), _ping(rng, rng.uniform(400, 2500), 0.02))
    return result


def _ping(rng: Rng, hz: float, seconds: float) -> Array:
    time = np.arange(int(6 * seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sweep = hz * (1 + rng.uniform(-0.2, 0.4) * time / time[-1])
    tone: Array = np.sin(2 * np.pi * sweep * time) * np.exp(-time / seconds)
    return tone * rng.uniform(0.2, 3.0)


def _add(target: Array, start: int, part: Array) -> None:
    part = part[: len(target) - start]
    target[start : start + len(part)] += part


def knocks(rng: Rng) -> Array:
    """Return dishes, typing, steps, a door: bursts of noise and ringing at odd moments."""
    result = 0.02 * filtered(rng, 60, 6000, 3)
    burst = filtered(rng, rng.uniform(80, 900), rng.uniform(2000, 7900))
    moment = 0.0
    pace = rng.uniform(0.08, 1.2)
    while moment < SECONDS - 1:
        start = int(moment * SAMPLE_RATE)
        length = int(rng.uniform(0.01, 0.25) * SAMPLE_RATE)
        decay = np.exp(-np.arange(length) / (length / 5))
        _add(result, start, burst[start : start + length] * decay * rng.uniform(0.3, 2.0))
        if rng.random() < 0.5:
            for _ in range(int(rng.integers(1, 5))):
                _add(result, start, _ping(rng, rng.uniform(300, 6000), rng.uniform(0.01, 0.15)))
        moment += rng.exponential(pace)
    return result


def _note(rng: Rng, hz: float, seconds: float, brightness: float, attack: float) -> Array:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    partials = min(14, int(7500 / hz))
    tone = np.zeros_like(time)
    for k in range(1, partials + 1):
        tone += k**-brightness * np.sin(2 * np.pi * hz * k * time + rng.uniform(0, 6))
    fall = np.exp(-time * rng.uniform(0.5, 4))
    tone *= np.minimum(1, time / attack) * fall * np.minimum(1, (time[-1] - time) / 0.02)
    return tone


def music(rng: Rng) -> Array:
    """Return chords, a bass, a melody and at times drums, all in one key and metre."""
    result = np.zeros(SAMPLES)
    beat = 60 / rng.uniform(60, 170)
    scale = _SCALES[int(rng.integers(len(_SCALES)))]
    tonic = rng.uniform(90, 180)
    bright, attack = rng.uniform(0.6, 2.0), rng.uniform(0.003, 0.08)

    def pitch(step: int) -> float:
        octave, place = divmod(step, len(scale))
        return float(tonic * 2 ** (octave + scale[place] / 12))

    drums = rng.random() < 0.6
    root = 0
    for number in range(int(SECONDS / beat)):
        start = int(number * beat * SAMPLE_RATE)
        if number % 4 == 0:
            root = int(rng.choice((0, 3, 4, 5)))
            for step in (root, root + 2, root + 4):
                _add(result, start, 0.3 * _note(rng, pitch(step) * 2, 4 * beat, bright, attack))
        if number % 2 == 0:
            _add(result, start, 0.6 * _note(rng, pitch(root) / 2, 2 * beat, 1.5, 0.01))
        for half in range(2):
            if rng.random() < 0.6:
                melody = pitch(int(rng.integers(0, 2 * len(scale)))) * 4
                _add(
                    result,
                    start + int(half * beat / 2 * SAMPLE_RATE),
                    0.4 * _note(rng, melody, beat * rng.uniform(0.4, 1.5), bright, attack),
                )
        if drums:
            length = int(0.12 * SAMPLE_RATE)
            hit = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.02 * SAMPLE_RATE))
            _add(result, start, 0.5 * hit if number % 2 else _ping(rng, 70, 0.06))
    return result


KINDS: tuple[Callable[[Rng], Array], ...] = (hum, machine, water, knocks, music, music)
"""Kinds of noise; music twice, since it is the hardest to tell from speech."""


def write_set(out: Path, clips_per_kind: int = CLIPS_PER_KIND, seed: int = 1) -> Path:
    """Write the set below ``out`` unless it is there, and return its folder."""
    folder = out / SET_NAME
    manifest = folder / "manifest.csv"
    if manifest.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    part = manifest.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "speaker", "transcript", "seconds"))
        for number in range(clips_per_kind * len(KINDS)):
            kind = KINDS[number % len(KINDS)]
            sound = kind(rng)
            name = f"{kind.__name__}_{number:03d}.flac"
            soundfile.write(folder / name, 0.4 * sound / np.abs(sound).max(), SAMPLE_RATE)
            writer.writerow((name, "noise", kind.__name__, SECONDS))
    part.replace(manifest)
    return folder
