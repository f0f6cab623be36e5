"""Audio in, MFCC features out, for whole recordings at once.

The same numbers as TensorFlow's ``AudioSpectrogram`` and ``Mfcc`` kernels inside a DeepSpeech
graph, computed with NumPy: a training batch needs thousands of frames a second on one core.
The package has its own streaming version; both are tested against a genuine graph.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft

Array = npt.NDArray[np.float32]

SAMPLE_RATE = 16000
"""Samples per second of everything in training."""
WINDOW = 512
"""Samples in one analysis window (32 ms)."""
HOP = 320
"""Samples between the starts of two frames (20 ms)."""
N_INPUT = 26
"""MFCC coefficients per frame."""
N_MEL = 40
"""Mel channels between LOW_HZ and HIGH_HZ."""
LOW_HZ = 20.0
HIGH_HZ = 8000.0
LOG_FLOOR = 1e-12
"""Smallest mel value whose logarithm is taken."""

_BLOCK = 2048
"""Frames transformed at once: keeps the intermediate arrays inside the cache's reach."""


def _mel(hz: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


def _spacing() -> float:
    """Return the mels between the centres of neighbouring channels."""
    return (float(_mel(HIGH_HZ)) - float(_mel(LOW_HZ))) / (N_MEL + 1)


def channel_hertz(channel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the centres in Hz of mel channels, 0 the lowest; broken numbers lie between."""
    return 700.0 * np.expm1((_mel(LOW_HZ) + (channel + 1) * _spacing()) / 1127.0)


def mel_channel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the channel whose centre is ``hz``: :func:`channel_hertz` turned round."""
    return (_mel(hz) - _mel(LOW_HZ)) / _spacing() - 1


@cache
def mel_matrix() -> Array:
    """Return the ``[257, 40]`` weights from spectrum magnitudes to mel channels.

    Each bin feeds at most two neighbouring triangles; bins below LOW_HZ (rounded up, the constant
    one always) count for none.
    """
    bins = WINDOW // 2 + 1
    hz_per_bin = 0.5 * SAMPLE_RATE / (bins - 1)
    first = int(1.5 + LOW_HZ / hz_per_bin)
    last = int(HIGH_HZ / hz_per_bin)
    position = mel_channel(np.arange(bins, dtype=np.float64) * hz_per_bin) + 1
    weights = np.zeros((bins, N_MEL))
    for bin_ in range(first, last + 1):
        # A bin on a centre belongs to the triangle that ends there, as in the kernel.
        left = int(np.ceil(position[bin_] - 1e-12)) - 1
        share = position[bin_] - left
        if 0 <= left - 1 < N_MEL:
            weights[bin_, left - 1] = 1.0 - share
        if left < N_MEL:
            weights[bin_, left] = share
    return weights.astype(np.float32)


@cache
def dct_matrix() -> Array:
    """Return the ``[40, 26]`` DCT-II, scaled by sqrt(2 / 40)."""
    channel = np.arange(N_MEL)[:, None] + 0.5
    order = np.arange(N_INPUT)[None, :]
    return np.asarray(
        np.sqrt(2.0 / N_MEL) * np.cos(np.pi / N_MEL * channel * order), dtype=np.float32
    )


@cache
def window() -> Array:
    """Return the periodic Hann window ``[512]``."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def frame_count(samples: int) -> int:
    """Return how many whole windows fit into ``samples``."""
    return max(0, 1 + (samples - WINDOW) // HOP)


def log_mel(audio: Array) -> Array:
    """Return the logarithm of the mel spectrum ``[T, 40]`` of ``audio``."""
    frames = frame_count(audio.shape[0])
    result = np.empty((frames, N_MEL), dtype=np.float32)
    if frames == 0:
        return result
    views = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP][:frames]
    for start in range(0, frames, _BLOCK):
        part = views[start : start + _BLOCK]
        magnitude = np.abs(fft.rfft(part * window(), axis=1))
        result[start : start + _BLOCK] = magnitude.astype(np.float32, copy=False) @ mel_matrix()
    np.maximum(result, LOG_FLOOR, out=result)
    return np.log(result, out=result)


def mfcc(audio: Array) -> Array:
    """Return the features ``[T, 26]`` of ``audio`` (float32 ``[n]``, full scale 1.0, 16 kHz)."""
    return log_mel(audio) @ dct_matrix()
