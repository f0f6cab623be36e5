"""Clients' audio, from bytes to samples at the model's rate. Runs in a thread for each client.

loop ──put──► Inlet ──read──► header, samples, resampler ──feed──► Caller
      ◄─wait─         (a thread of its own: a header is read like a file)
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from stt_service.audio.api import AudioSource
from stt_service.audio.files import DecodedSource
from stt_service.audio.pipe import PipeSource, RawFormat
from stt_service.audio.resample import mono_blocks
from stt_service.errors import AudioError
from stt_service.listener.api import Caller
from stt_service.memory_file import memory_file
from stt_service.server.limits import (
    AUDIO_AHEAD_SECONDS,
    MAX_MESSAGE_BYTES,
    MAX_UPLOAD_SECONDS,
)

INLET_BYTES = 2 * MAX_MESSAGE_BYTES
"""Of a client's audio that may wait to be read: one message being read, one to follow."""
LOOK_SECONDS = 0.02
"""Between looks at whether the recogniser has caught up."""


class Inlet:
    """Bytes that a client sends, read like a file. ``put`` is for the loop, ``read`` a thread's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._room = asyncio.Event()
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._ended = False
        self.closed = threading.Event()
        """Nobody wants the audio any more."""

    async def put(self, data: bytes) -> None:
        """Add some; wait until there is room for more, which makes the client wait in turn."""
        with self._changed:
            self._parts.append(data)
            self._waiting += len(data)
            self._changed.notify()
            self._room.clear()
            full = self._waiting >= INLET_BYTES
        if full and not self.closed.is_set():
            await self._room.wait()

    def end(self) -> None:
        """Say that nothing follows."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def close(self) -> None:
        """Give up: the reader finds the end, at once. For any thread."""
        self.closed.set()
        with self._changed:
            self._parts.clear()
            self._waiting = 0
        self.end()
        self._make_room()

    def read(self, size: int, /) -> bytes:
        """Return 1 to ``size`` bytes as soon as there are some, none at the end."""
        with self._changed:
            while not self._parts:
                if self._ended:
                    return b""
                self._changed.wait()
            part = self._parts.popleft()
            if len(part) > size:
                self._parts.appendleft(part[size:])
                part = part[:size]
            self._waiting -= len(part)
            room = self._waiting < INLET_BYTES
        if room:
            self._make_room()
        return part

    def _make_room(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._room.set)
        except RuntimeError:
            return  # the loop is closed: nobody waits there


def feed_stream(inlet: Inlet, raw: RawFormat | None, caller: Caller) -> None:
    """Recognise what comes in until it ends. ``raw`` None wants a WAV header.

    Raises :exc:`AudioError` for what cannot be read.
    """
    with PipeSource(inlet, raw, name="the audio") as source:
        _feed(source, caller, inlet.closed)


def feed_recording(data: bytes, caller: Caller, closed: threading.Event) -> None:
    """Recognise a whole recording: WAV, FLAC, Ogg or MP3.

    Raises :exc:`AudioError` for what cannot be read, and for one that is too long.
    """
    with DecodedSource(memory_file(data), "the recording") as source:
        if source.duration is not None:
            _check_length(source.duration)
        _feed(source, caller, closed, limit=MAX_UPLOAD_SECONDS)


def _feed(
    source: AudioSource, caller: Caller, closed: threading.Event, *, limit: float | None = None
) -> None:
    fed = 0
    piece = int(AUDIO_AHEAD_SECONDS * caller.rate)
    for samples in mono_blocks(source, caller.rate):
        fed += len(samples)
        if limit is not None and fed > limit * caller.rate:
            _check_length(fed / caller.rate)
        for at in range(0, len(samples), piece):
            while caller.waiting() > AUDIO_AHEAD_SECONDS:
                if closed.wait(LOOK_SECONDS):
                    return
            if closed.is_set():
                return
            caller.feed(samples[at : at + piece])
    caller.finish()


def _check_length(seconds: float) -> None:
    if seconds > MAX_UPLOAD_SECONDS:
        raise AudioError(
            f"the recording is longer than {MAX_UPLOAD_SECONDS:g} s",
            "Cut it, or stream it to /v1/recognize",
        )
