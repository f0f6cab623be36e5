"""Windows of samples in, MFCC features out: the numbers of the graph's own ``mfccs`` output.

A LiteRT interpreter runs the whole graph at each call, so features that the graph computed would
cost a pass through the network per frame. These follow TensorFlow's ``AudioSpectrogram`` and
``Mfcc`` kernels (``mfcc_mel_filterbank.cc``): periodic Hann window, magnitudes of the spectrum,
triangles on the 1127 ln(1 + f/700) scale, logarithm, DCT-II. As the kernels do, everything
between input and output is float64: in float32 a loud tone would drown the quiet channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stt_service.engine.graph import GraphInfo

LOG_FLOOR = 1e-12
"""The smallest filter output whose logarithm is taken."""
FULL_SCALE = 32768.0
"""The int16 value that counts as 1.0."""


class FeatureExtractor:
    """Turns windows of int16 samples into features. Has no state: one serves all streams."""

    def __init__(self, info: GraphInfo) -> None:
        self._length = 1 << (info.window - 1).bit_length()  # the kernel pads to a power of two
        phase = 2.0 * np.pi * np.arange(info.window) / info.window
        self._taper = (0.5 - 0.5 * np.cos(phase)) / FULL_SCALE
        self._filters = mel_filters(
            self._length // 2 + 1,
            rate=info.sample_rate,
            channels=info.mel_channels,
            low_hz=info.low_hz,
            high_hz=info.high_hz,
        )
        channel = np.arange(info.mel_channels)[:, np.newaxis] + 0.5
        order = np.arange(info.n_features)
        self._cosines = np.cos(np.pi / info.mel_channels * channel * order)
        self._cosines *= np.sqrt(2.0 / info.mel_channels)

    def __call__(self, windows: NDArray[np.int16], gain: float = 1.0) -> NDArray[np.float32]:
        """Return the features of ``windows``, shape (n, window): shape (n, n_features).

        They are those of samples ``gain`` times as large, without rounding or an end to their
        range.
        """
        spectrum = np.abs(np.fft.rfft(windows * (self._taper * gain), self._length))
        mel = np.maximum(spectrum @ self._filters, LOG_FLOOR)
        features: NDArray[np.float32] = (np.log(mel) @ self._cosines).astype(np.float32)
        return features


def mel_filters(
    bins: int, *, rate: int, channels: int, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Return the weight of each spectrum bin in each mel channel, shape (bins, channels).

    Between two neighbouring centres a bin is shared out linearly. Bins below ``low_hz``
    (rounded up; the constant always) and above ``high_hz`` count for nothing.
    """
    hz_per_bin = 0.5 * rate / (bins - 1)
    low, high = _mel(np.array([low_hz, high_hz]))
    edges = low + (high - low) / (channels + 1) * np.arange(channels + 2)
    used = np.arange(int(1.5 + low_hz / hz_per_bin), int(high_hz / hz_per_bin) + 1)
    position = _mel(used.astype(np.float64) * hz_per_bin)
    # Edge k + 1 is the centre of channel k; a bin on a centre belongs to the span that ends there.
    upper = np.clip(np.searchsorted(edges, position, side="left"), 1, channels + 1)
    falling = (edges[upper] - position) / (edges[upper] - edges[upper - 1])
    weights = np.zeros((bins, channels + 2))
    weights[used, upper - 1] = falling
    weights[used, upper] = 1.0 - falling
    return np.ascontiguousarray(weights[:, 1:-1])


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(hz / 700.0)
