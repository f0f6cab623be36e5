"""The contract of every audio source: a file, a pipe, a recorder, a microphone.

    with source:
        for samples in mono_blocks(source, engine.model.sample_rate):
            stream.feed(samples)

A source says its rate and channels before the first block; nothing is ever assumed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stt_service.closing import Closing
from stt_service.errors import AudioError

Block: TypeAlias = NDArray[np.int16] | NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]
"""Shape (n, channels). Full scale is the type's range, or +-1.0 for floats."""

MIN_RATE = 8_000
"""Hertz; below telephone quality speech is not understood."""
MAX_RATE = 192_000
"""Hertz; the most that sound hardware offers."""
MAX_CHANNELS = 8
"""Microphone arrays have up to eight."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a source delivers. Raises :exc:`AudioError` when that is out of bounds."""

    rate: int
    """Hertz, MIN_RATE to MAX_RATE."""
    channels: int
    """1 to MAX_CHANNELS."""
    name: str = "audio"
    """For messages: the file's path, ``standard input``, the device."""

    def __post_init__(self) -> None:
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise AudioError(
                f"{self.name} has {self.rate} samples per second; {MIN_RATE} to {MAX_RATE} "
                "can be used",
                "Convert it, for example with `ffmpeg -i IN -ar 16000 OUT.wav`",
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(
                f"{self.name} has {self.channels} channels; 1 to {MAX_CHANNELS} can be used",
                "Convert it, for example with `ffmpeg -i IN -ac 1 OUT.wav`",
            )


class AudioSource(Closing, ABC):
    """Delivers blocks of audio, once. A context manager; owned by the thread that iterates."""

    format: AudioFormat
    duration: float | None = None
    """Seconds; None where it is not known beforehand. A hint, not a promise."""
    live: bool = False
    """The audio comes in its own time: what is not read at once is lost, and nobody waits for it.
    Otherwise the source waits for whoever reads it."""
    picked: bool = False
    """The channel to listen to has been picked within; the one that is left is that."""
    overflows: int = 0
    """Times that a live source has lost audio because nobody read it. Any thread may look."""

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield blocks of bounded size until the audio ends.

        Raises :exc:`AudioError` naming the source when it fails on the way; of a live source
        :exc:`DeviceLostError`, :exc:`DeviceBusyError` or :exc:`DeviceSilentError` where it is
        that.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the source holds. Harmless when already closed.

        Another thread may close a live source or one that is paced: ``blocks`` then ends.
        """
