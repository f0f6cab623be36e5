"""A microphone through PortAudio: its callback puts blocks into a queue, ``blocks`` takes them."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from stt_service.audio.api import MAX_CHANNELS, AudioFormat, AudioSource
from stt_service.audio.backlog import Backlog, Samples
from stt_service.audio.devices import Wanted
from stt_service.audio.portaudio import PortAudio
from stt_service.errors import DeviceLostError

BLOCK_SECONDS = 0.08
"""Of audio for each call of the callback. Each call wakes three threads in turn, which costs some
0.7 ms of processor time, hardly more for a long block than for a short one: 40 ms would cost
another percent of a core for nothing. Each millisecond of the block delays every result by half a
one. PortAudio buffers two of them, which rides out a stall."""
QUEUE_SECONDS = 2.0
"""Of audio between callback and reader, who is a thread that does nothing but pass it on."""
LOST_SECONDS = 2.0
"""Without a sample after which the microphone has gone. ALSA and PortAudio often do not say so:
of a microphone that was unplugged nothing more is heard, and the stream stays "active"."""
START_SECONDS = 5.0
"""Granted for the first sample: sound servers wake a sleeping device, Bluetooth takes its time."""
GLANCE_SECONDS = 0.25
"""Of waiting between two looks at whether the stream still runs. Waits are counted in these: a
process that was stopped for a while finds the time of day gone on, but not its audio."""
PLUGGED = "Is it still plugged in?"


class Microphone(AudioSource):
    """One capture device, from now until it fails. Owned by one thread; any may close."""

    live = True

    def __init__(
        self,
        wanted: Wanted,
        *,
        rate: int | None = None,
        channel: int | None = None,
        lost_after: float = LOST_SECONDS,
    ) -> None:
        """Start to record.

        ``rate`` in hertz, None for the device's own; ``channel`` that will be picked: plug-ins
        are asked for as many, sound cards deliver all they have. Raises
        :exc:`DeviceLostError`, :exc:`DeviceBusyError` or :exc:`AudioError`.
        """
        self._lost_after = lost_after
        self._flagged = 0
        self._closing = threading.Lock()
        with ExitStack() as opened:
            library = opened.enter_context(PortAudio())
            device = wanted.find(library.devices())
            own = device.channels
            self._stream = opened.enter_context(
                library.capture(
                    device,
                    self._arrived,
                    rate=rate,
                    channels=own if own <= MAX_CHANNELS else (channel or 0) + 1,
                    block_seconds=BLOCK_SECONDS,
                )
            )
            self.format = AudioFormat(self._stream.rate, self._stream.channels, device.name)
            self._backlog = Backlog(self._stream.rate, seconds=QUEUE_SECONDS)
            self._stream.start()
            self._opened = opened.pop_all()

    def _arrived(self, data: bytes, lost: bool) -> None:
        if lost:
            self._flagged += 1
        self._backlog.put(np.frombuffer(data, np.int16).reshape(-1, self.format.channels))

    def blocks(self) -> Iterator[Samples]:
        patience = max(START_SECONDS, self._lost_after)
        dropped = full = 0
        while (block := self._next(patience)) is not None:
            full += self._backlog.dropped > dropped
            dropped = self._backlog.dropped
            self.overflows = self._flagged + full
            yield block
            patience = self._lost_after

    def _next(self, patience: float) -> Samples | None:
        """Return the next block, None once closed. Raises :exc:`DeviceLostError`."""
        for _ in range(math.ceil(patience / GLANCE_SECONDS)):
            block = self._backlog.get(GLANCE_SECONDS)
            if block is not None or self._backlog.ended:
                return block
            if not self._stream.active:
                raise DeviceLostError(f"{self.format.name} has broken off", PLUGGED)
        raise DeviceLostError(
            f"{self.format.name} has delivered nothing for {patience:g} seconds", PLUGGED
        )

    def close(self) -> None:
        with self._closing:
            self._opened.close()  # the callback is not called any more
            self._backlog.end()
