"""A request's body in pieces in, its named parts out; never more in memory than is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from stt_service.collector.refusal import RefusedError

MAX_HEADERS = 16
"""Header lines of all parts; two parts have two or three each."""
OVERHEAD = 4096
"""Bytes of boundaries and headers around the parts."""


class _Parts:
    """What the parser reports, put together."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._field = b""
        self._value = b""
        self._headers = 0
        self._now: str | None = None
        self.found: dict[str, bytearray] = {}
        self.ended = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_field,
            "on_header_value": self._add_value,
            "on_header_end": self._header,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._now = None
        self._field = self._value = b""

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers += 1
        if self._headers > MAX_HEADERS:
            raise RefusedError(422, "the body has too many headers", _REMEDY)
        if self._field.lower() == b"content-disposition":
            name = parse_options_header(self._value)[1].get(b"name", b"").decode("latin-1")
            if name not in self._limits or name in self.found:
                raise RefusedError(422, f"the part {name!r} has no place here", _REMEDY)
            self._now = name
            self.found[name] = bytearray()
        self._field = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._now is None:
            raise RefusedError(422, "a part has no name", _REMEDY)
        part = self.found[self._now]
        if len(part) + end - start > self._limits[self._now]:
            raise RefusedError(413, f"the part {self._now} is too large", _REMEDY)
        part += data[start:end]

    def _end(self) -> None:
        self.ended = True


async def read_parts(
    content_type: str, chunks: AsyncIterator[bytes], limits: Mapping[str, int]
) -> dict[str, bytes]:
    """Return the parts that ``limits`` names, each at most so many bytes, in that order.

    Raises :exc:`RefusedError` as soon as something is wrong.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusedError(415, "the body is no multipart/form-data", _REMEDY)
    parts = _Parts(limits)
    most = sum(limits.values()) + OVERHEAD
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())  # type: ignore[arg-type]
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise RefusedError(413, "the body is too large", _REMEDY)
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise RefusedError(422, f"the body is damaged: {error}", "Send it again") from None
    if not parts.ended or list(parts.found) != list(limits):
        raise RefusedError(422, f"the body must hold {', then '.join(limits)}", _REMEDY)
    return {name: bytes(part) for name, part in parts.found.items()}


_REMEDY = "See docs/collection.md"
