"""Reads FlatBuffers and FlexBuffers that nobody vouches for.

Every access is checked against the buffer's end, so that a damaged file gives :exc:`DamagedError`
and never an endless walk: nothing here follows a reference on its own account, and each vector's
length is bounded by the bytes that could hold it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Buffer: TypeAlias = memoryview
Scalar: TypeAlias = int | float | bool

MAX_BYTES = 1 << 31
"""Of one vector: a FlatBuffer cannot address more."""
MAX_OPTIONS = 256
"""Entries in a FlexBuffer; custom operators have a handful."""

_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")

_FLEX_INT, _FLEX_UINT, _FLEX_FLOAT, _FLEX_MAP, _FLEX_BOOL = 1, 2, 3, 9, 26
_FLEX_INDIRECT = {6: _FLEX_INT, 7: _FLEX_UINT, 8: _FLEX_FLOAT}


class DamagedError(Exception):
    """A reference leads out of the buffer; never shown to users, the reader names the file."""


def _at(data: Buffer, offset: int, size: int) -> int:
    if offset < 0 or offset + size > len(data):
        raise DamagedError(f"bytes {offset} to {offset + size} of {len(data)}")
    return offset


def uint32(data: Buffer, offset: int) -> int:
    """Read a 32-bit unsigned integer. Raises :exc:`DamagedError` outside of ``data``."""
    return int(_UINT32.unpack_from(data, _at(data, offset, 4))[0])


@dataclass(frozen=True, slots=True)
class Table:
    """One table: fields are asked for by their number in the schema."""

    data: Buffer
    at: int
    """Byte offset of the table."""

    @classmethod
    def root(cls, data: Buffer) -> Table:
        """Return the table that the buffer's first four bytes point to."""
        return cls(data, uint32(data, 0))

    def _field(self, number: int, size: int) -> int | None:
        (back,) = _INT32.unpack_from(self.data, _at(self.data, self.at, 4))
        vtable = self.at - back
        (vtable_size,) = _UINT16.unpack_from(self.data, _at(self.data, vtable, 2))
        slot = 4 + 2 * number
        if slot + 2 > vtable_size:
            return None
        (offset,) = _UINT16.unpack_from(self.data, _at(self.data, vtable + slot, 2))
        return _at(self.data, self.at + offset, size) if offset else None

    def integer(self, number: int, default: int = 0, *, form: str = "<i") -> int:
        """Return a scalar field; ``form`` is its :mod:`struct` format."""
        offset = self._field(number, struct.calcsize(form))
        return default if offset is None else int(struct.unpack_from(form, self.data, offset)[0])

    def vector(self, number: int, item: int, most: int) -> tuple[int, int]:
        """Return the byte offset of the first item, each of ``item`` bytes, and their count.

        More than ``most`` are damage.
        """
        offset = self._field(number, 4)
        if offset is None:
            return 0, 0
        start = offset + uint32(self.data, offset)
        count = uint32(self.data, start)
        if count > most:
            raise DamagedError(f"{count} items where at most {most} make sense")
        return _at(self.data, start + 4, count * item), count

    def raw(self, number: int, most: int = MAX_BYTES) -> Buffer:
        """Return a vector of at most ``most`` bytes (or a string) as a view."""
        start, count = self.vector(number, 1, most)
        return self.data[start : start + count]

    def integers(self, number: int, most: int) -> tuple[int, ...]:
        """Return a vector of at most ``most`` 32-bit integers."""
        start, count = self.vector(number, 4, most)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def table(self, number: int) -> Table | None:
        """Return a table; None where the field is left out."""
        offset = self._field(number, 4)
        return None if offset is None else Table(self.data, offset + uint32(self.data, offset))

    def tables(self, number: int, most: int) -> Sequence[Table]:
        """Return a vector of at most ``most`` tables."""
        start, count = self.vector(number, 4, most)
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, place + uint32(self.data, place)) for place in places]


def _flex_uint(data: Buffer, offset: int, width: int) -> int:
    return int.from_bytes(data[_at(data, offset, width) : offset + width], "little")


def _flex_scalar(data: Buffer, offset: int, width: int, kind: int) -> Scalar | None:
    place = _at(data, offset, width)
    raw = data[place : place + width]
    if kind == _FLEX_FLOAT:
        form = {4: "<f", 8: "<d"}.get(width)
        return None if form is None else float(struct.unpack(form, raw)[0])
    if kind == _FLEX_BOOL:
        return any(raw)
    if kind in (_FLEX_INT, _FLEX_UINT):
        return int.from_bytes(raw, "little", signed=kind == _FLEX_INT)
    return None


def flex_scalars(data: Buffer) -> dict[str, Scalar]:
    """Return the scalar entries of a FlexBuffer whose root is a map, as custom operators have it.

    An empty buffer has no entries. Raises :exc:`DamagedError`.
    """
    if not data:
        return {}
    end = len(data)
    root_width, root_type = data[_at(data, end - 1, 1)], data[_at(data, end - 2, 1)]
    if root_type >> 2 != _FLEX_MAP or root_width not in (1, 2, 4, 8):
        raise DamagedError("options that are no map")
    root = end - 2 - root_width
    values = root - _flex_uint(data, root, root_width)
    width = 1 << (root_type & 3)
    size = _flex_uint(data, values - width, width)
    if size > MAX_OPTIONS:
        raise DamagedError(f"{size} options where at most {MAX_OPTIONS} make sense")
    _at(data, values, size * (width + 1))
    keys = values - 3 * width - _flex_uint(data, values - 3 * width, width)
    key_width = _flex_uint(data, values - 2 * width, width)
    if key_width not in (1, 2, 4, 8):
        raise DamagedError("options without keys")
    found: dict[str, Scalar] = {}
    for i in range(size):
        place = keys + i * key_width
        start = _at(data, place - _flex_uint(data, place, key_width), 1)
        key = bytes(data[start:]).partition(b"\0")[0].decode("utf-8", "replace")
        packed = data[values + size * width + i]
        offset, item_width, kind = values + i * width, width, packed >> 2
        if kind in _FLEX_INDIRECT:
            offset -= _flex_uint(data, offset, width)
            item_width, kind = 1 << (packed & 3), _FLEX_INDIRECT[kind]
        value = _flex_scalar(data, offset, item_width, kind)
        if value is not None:
            found[key] = value
    return found
