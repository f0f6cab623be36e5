"""Audio from a pipe: standard input, or any recorder's output.

A WAV header is recognised, whatever length it claims (recorders do not know it beforehand). Raw
audio must be declared: nothing about it can be told from its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.audio.mpeg import is_mpeg
from stt_service.errors import AudioError

BLOCK_FRAMES = 1600
"""Frames handed on at once, at most: a tenth of a second at 16 kHz, so that live audio flows."""
MAX_HEADER_BYTES = 1 << 20
"""Of a WAV file before its samples; cover pictures and cue lists are skipped up to there."""

ENCODINGS: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "s16le": np.dtype("<i2"),
    "s24le": np.dtype("u1"),
    "s32le": np.dtype("<i4"),
    "f32le": np.dtype("<f4"),
    "f64le": np.dtype("<f8"),
}
"""Sample forms of raw audio, named as ffmpeg names them; 24 bits are read byte by byte."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WAV_ENCODINGS = {
    (_PCM, 8): "u8",
    (_PCM, 16): "s16le",
    (_PCM, 24): "s24le",
    (_PCM, 32): "s32le",
    (_FLOAT, 32): "f32le",
    (_FLOAT, 64): "f64le",
}
_UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)
_COMPRESSED = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3\x02": "MP3",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
}
"""How recordings begin that cannot be read as they flow; ``spool`` reads them."""
DECLARE = "Declare rate, channels and sample format, or pipe WAV"
"""The remedy for raw audio that nobody has declared."""
HEAD_BYTES = 12
"""Enough to tell what a stream carries."""


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What raw audio is declared to be. Raises :exc:`AudioError` for unknown encodings."""

    rate: int
    """Hertz."""
    channels: int = 1
    encoding: str = "s16le"
    """One of :data:`ENCODINGS`."""

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise AudioError(
                f"raw audio cannot be {self.encoding}", f"Known are {', '.join(ENCODINGS)}"
            )

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return 3 if self.encoding == "s24le" else ENCODINGS[self.encoding].itemsize


class Readable(Protocol):
    """A stream of bytes; where it has ``read1``, that one is preferred."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


class PipeSource(AudioSource):
    """Reads a binary stream to its end. Does not close it: it belongs to the caller."""

    def __init__(
        self,
        stream: Readable,
        raw: RawFormat | None = None,
        *,
        name: str = "standard input",
        head: bytes | None = None,
        declare: str = DECLARE,
    ) -> None:
        """``raw`` declares what the bytes are where there is no WAV header.

        ``head`` holds the stream's first :data:`HEAD_BYTES` where they have been read already,
        ``declare`` says to the user how raw audio is declared.
        Raises :exc:`AudioError` when the stream is neither WAV nor declared.
        """
        self._stream = stream
        self._left: int | None = None
        if head is None:
            head = self._read(HEAD_BYTES)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            raw = self._wav_header(name)
            head = b""
        elif raw is None:
            raise _refusal(head, name, declare)
        self.format = AudioFormat(raw.rate, raw.channels, name)
        self._raw = raw
        self._head = head
        self._closed = False

    def blocks(self) -> Iterator[Block]:
        frame = self._raw.sample_bytes * self.format.channels
        kept, self._head = self._head, b""
        got_any = False
        while not self._closed:
            data = self._some(BLOCK_FRAMES * frame - len(kept))
            if not data and len(kept) < frame:
                break  # a last frame cut in two is dropped
            data = kept + data
            whole = len(data) - len(data) % frame
            kept = data[whole:]
            if whole:
                got_any = True
                yield _decode(data[:whole], self._raw).reshape(-1, self.format.channels)
        if not got_any and not self._closed:
            raise AudioError(f"{self.format.name} holds no samples", "Check what is piped in")

    def close(self) -> None:
        self._closed = True

    def _read(self, size: int) -> bytes:
        return read_whole(self._stream, size)

    def _some(self, size: int) -> bytes:
        """Read at least one byte and at most ``size``, as soon as there are any."""
        if self._left is not None:
            size = min(size, self._left)
        if size <= 0:
            return b""
        read: bytes = getattr(self._stream, "read1", self._stream.read)(size)
        if self._left is not None:
            self._left -= len(read)
        return read

    def _wav_header(self, name: str) -> RawFormat:
        raw: RawFormat | None = None
        seen = 12
        while True:
            chunk = self._read(8)
            if len(chunk) < 8:
                raise AudioError(f"{name}: the WAV header is cut short")
            kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
            seen += 8 + size
            if kind == b"data":
                if raw is None:
                    raise AudioError(f"{name}: the WAV header does not say its format")
                # Recorders that do not know the length write one of these, or a little less.
                unknown = size in _UNKNOWN_SIZES or size >= 0x7FFF0000
                self._left = None if unknown else size
                return raw
            if seen > MAX_HEADER_BYTES:
                raise AudioError(f"{name}: no samples within the first {MAX_HEADER_BYTES} bytes")
            body = self._read(size + size % 2)
            if kind == b"fmt ":
                raw = _wav_format(body, name)


def read_whole(stream: Readable, size: int) -> bytes:
    """Read ``size`` bytes, or less at the end of the stream."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def compressed_kind(head: bytes) -> str | None:
    """Name what a stream is that begins so, None for one that can be read as it flows.

    MP3 without a tag is not told here, but by :func:`stt_service.audio.mpeg.is_mpeg`: audio that
    was declared to be raw is never taken for it.
    """
    return next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), None)


def _refusal(head: bytes, name: str, declare: str) -> AudioError:
    if not head:
        return AudioError(f"{name} is empty")
    if kind := compressed_kind(head) or ("MP3" if is_mpeg(head) else None):
        return AudioError(f"{name} carries {kind}", "Name the file, or pipe WAV")
    return AudioError(
        f"{name} has no WAV header, and raw audio does not say its sample rate", declare
    )


def _wav_format(body: bytes, name: str) -> RawFormat:
    if len(body) < 16:
        raise AudioError(f"{name}: the WAV header is cut short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    encoding = _WAV_ENCODINGS.get((tag, bits))
    if encoding is None:
        raise AudioError(
            f"{name} is WAV of format {tag} with {bits} bits, which a pipe cannot carry",
            "Name the file instead, or pipe 16-bit PCM",
        )
    return RawFormat(rate, channels, encoding)


def _decode(data: bytes, raw: RawFormat) -> Block:
    """Return samples in a row; 8 and 24 bits widened to int16 and int32."""
    values = np.frombuffer(data, ENCODINGS[raw.encoding])
    block: Block
    if raw.encoding == "u8":
        block = ((values.astype(np.int16) - 128) * 256).astype(np.int16)
    elif raw.encoding == "s24le":
        wide = np.zeros((len(values) // 3, 4), np.uint8)
        wide[:, 1:] = values.reshape(-1, 3)
        block = wide.view("<i4")[:, 0].astype(np.int32)
    else:
        block = values.astype(values.dtype.newbyteorder("="), copy=False)
    return block
