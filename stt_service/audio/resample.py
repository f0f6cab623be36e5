"""Blocks of any format in, mono int16 at the model's rate out.

The resampler keeps its state from block to block, so that the result is the same however the
audio is cut: a stateless one would put a click at every border.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.errors import AudioError

Samples = NDArray[np.int16]
"""Mono audio, shape (n,), full scale +-32768."""

FULL_SCALE = {
    np.dtype(np.int16): 2.0**15,
    np.dtype(np.int32): 2.0**31,
    np.dtype(np.float32): 1.0,
    np.dtype(np.float64): 1.0,
}
"""Accepted sample types, with the value that counts as full scale."""
FLOAT_LIMIT = 64.0
"""Times full scale. Recordings overshoot a little and are clipped; values beyond this one are
integers that somebody stored as floats, and clipping would make noise of them."""


class Resampler:
    """Converts one recording. Feed blocks in order, then finish; owned by one thread."""

    def __init__(self, source: AudioFormat, rate: int, *, channel: int | None = None) -> None:
        """``rate`` is the target's, in hertz; ``channel`` picks one, None takes the mean of all.

        Raises :exc:`AudioError` when there is no such channel.
        """
        if channel is not None and not 0 <= channel < source.channels:
            raise AudioError(
                f"{source.name} has no channel {channel}",
                f"Its channels are 0 to {source.channels - 1}",
            )
        self._source = source
        self._channel = channel
        self._fed = 0
        self._stream = (
            None
            if source.rate == rate
            else soxr.ResampleStream(source.rate, rate, 1, dtype="float32", quality="HQ")
        )

    def feed(self, block: Block) -> Samples:
        """Take a block, shape (n, channels) or, of one channel, (n,); return what is ready.

        Raises :exc:`AudioError` for other shapes and types, and for values that are no numbers.
        """
        if block.ndim == 1:
            block = block[:, np.newaxis]
        source = self._source
        if block.ndim != 2 or block.shape[1] != source.channels:
            raise AudioError(
                f"{source.name} has {source.channels} channels, not blocks of shape {block.shape}"
            )
        full_scale = FULL_SCALE.get(block.dtype)
        if full_scale is None:
            raise AudioError(
                f"{source.name}: samples of type {block.dtype} cannot be used",
                f"Accepted are {', '.join(map(str, FULL_SCALE))}",
            )
        if block.dtype.kind == "f":
            self._check_floats(block)
        self._fed += len(block)
        picked = block[:, 0 if self._channel is None else self._channel]
        mix = self._channel is None and source.channels > 1
        if self._stream is None and block.dtype == np.int16 and not mix:
            return np.array(picked, np.int16)
        mono = _mean(block) if mix else picked
        if mono.dtype == np.int16:  # a microphone: float32 holds it exactly
            scaled = np.multiply(mono, np.float32(1.0 / full_scale), dtype=np.float32)
        else:
            scaled = (mono * (1.0 / full_scale)).astype(np.float32)
        if self._stream is not None:
            scaled = self._stream.resample_chunk(scaled)
        return _quantise(scaled)

    def finish(self) -> Samples:
        """Return what the resampler still holds. Nothing may be fed afterwards."""
        if self._stream is None:
            return np.zeros(0, np.int16)
        return _quantise(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))

    def _check_floats(self, block: Block) -> None:
        # One comparison catches NaN, infinity and integers in disguise.
        wrong = ~(np.abs(block) <= FLOAT_LIMIT)
        if not wrong.any():
            return
        first = int(wrong.any(axis=1).argmax())
        value = block[wrong][0]
        seconds = (self._fed + first) / self._source.rate
        if np.isfinite(value):
            problem = f"reaches {value:g} at {seconds:.3f} s, where full scale is 1.0"
            remedy = "It holds integers stored as floats: divide them by their full scale"
        else:
            problem = f"holds a value that is no number ({value}) at {seconds:.3f} s"
            remedy = "Repair the recording, or leave it out"
        raise AudioError(f"{self._source.name} {problem}", remedy)


def _mean(block: Block) -> NDArray[np.float64]:
    # Channel by channel: NumPy's own mean works row by row, at four times the price.
    total = block[:, 0].astype(np.float64)
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    total /= block.shape[1]
    return total


def _quantise(samples: NDArray[np.float32]) -> Samples:
    # Clipped, not wrapped: an overshoot must not become a full-scale click.
    scaled = samples * np.float32(32768)
    np.rint(scaled, out=scaled)
    np.minimum(np.maximum(scaled, -32768, out=scaled), 32767, out=scaled)
    return scaled.astype(np.int16)


def mono_blocks(source: AudioSource, rate: int, *, channel: int | None = None) -> Iterator[Samples]:
    """Yield a whole source as mono int16 at ``rate`` hertz. Raises :exc:`AudioError`.

    ``channel`` picks one, None takes the mean; a source that has picked already is left alone.
    """
    resampler = Resampler(source.format, rate, channel=None if source.picked else channel)
    for block in source.blocks():
        yield resampler.feed(block)
    yield resampler.finish()
