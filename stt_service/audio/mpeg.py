"""MP3 without a tag: told by its frames, as nothing else says what it is.

A frame begins with eleven bits that are set, which raw audio has every other second. So the other
fields must make sense as well, and where one frame ends the next of its kind must begin.
"""

from __future__ import annotations

HEADER_BYTES = 4
"""Of a frame (ISO/IEC 11172-3, 2.4.1.3)."""

_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Per second of layer III, in the first edition and later; indices 0 (free) and 15 are none."""
_RATES = (44_100, 48_000, 32_000)
"""Hertz, of the first edition; halved in the second, quartered in the one after it."""
_FIRST, _SECOND = 0b11, 0b10
_RESERVED_EDITION, _LAYER_III, _RESERVED_EMPHASIS = 0b01, 0b01, 0b10
_SAME = 0xFFFE0C00
"""Bits of a header that all frames of a recording share: sync, edition, layer and rate."""


def frame_bytes(header: bytes) -> int | None:
    """Return how long the frame is that begins with this header, None when it is no MP3."""
    if len(header) < HEADER_BYTES:
        return None
    bits = int.from_bytes(header[:HEADER_BYTES], "big")
    edition, layer = bits >> 19 & 0b11, bits >> 17 & 0b11
    kilobits, rate = bits >> 12 & 0b1111, bits >> 10 & 0b11
    if (
        bits >> 21 != 0x7FF
        or edition == _RESERVED_EDITION
        or layer != _LAYER_III
        or not 1 <= kilobits <= 14
        or rate == len(_RATES)
        or bits & 0b11 == _RESERVED_EMPHASIS
    ):
        return None
    first = edition == _FIRST
    hertz = _RATES[rate] >> (0 if first else 1 if edition == _SECOND else 2)
    bytes_of_second = _KILOBITS[first][kilobits - 1] * 1000 // 8
    samples = 1152 if first else 576
    return samples * bytes_of_second // hertz + (bits >> 9 & 1)


def is_mpeg(head: bytes) -> bool:
    """Say whether a stream that begins so is MP3; the more of it is given, the surer."""
    length = frame_bytes(head)
    if length is None:
        return False
    following = head[length : length + HEADER_BYTES]
    if len(following) < HEADER_BYTES:
        return True  # the stream's end, or all that could be looked at
    here, there = (int.from_bytes(one[:HEADER_BYTES], "big") for one in (head, following))
    return frame_bytes(following) is not None and (here ^ there) & _SAME == 0
