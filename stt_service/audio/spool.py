"""Whatever recording is piped in: WAV and raw audio as they flow, compressed ones from memory.

libsndfile moves to and fro in a compressed recording, which a pipe does not let it. So such a
recording is kept in memory until it has ended, never in a temporary file: what people said is
written to no disk that they did not name.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import BinaryIO

from stt_service.audio.api import AudioSource
from stt_service.audio.files import DecodedSource
from stt_service.audio.mpeg import HEADER_BYTES, frame_bytes, is_mpeg
from stt_service.audio.pipe import (
    DECLARE,
    HEAD_BYTES,
    PipeSource,
    RawFormat,
    compressed_kind,
    read_whole,
)
from stt_service.errors import AudioError
from stt_service.memory_file import memory_file

MAX_SPOOLED_BYTES = 64 << 20
"""Of a compressed recording on standard input: an hour of speech as FLAC, which a board with
512 MiB of memory holds beside a model."""
PART_BYTES = 1 << 20
"""Read at once."""


def open_pipe(
    stream: BinaryIO,
    raw: RawFormat | None = None,
    *,
    name: str = "standard input",
    declare: str = DECLARE,
) -> AudioSource:
    """Open what a binary stream carries; it is not closed, it belongs to the caller.

    ``raw`` declares what the bytes are where they have no header, ``declare`` says to the user
    how that is done. Raises :exc:`AudioError`.
    """
    head = read_whole(stream, HEAD_BYTES)
    kind = compressed_kind(head)
    if kind is None and raw is None and (length := frame_bytes(head)) is not None:
        head += read_whole(stream, length + HEADER_BYTES - len(head))
        kind = "MP3" if is_mpeg(head) else None
    if kind is None:
        return PipeSource(stream, raw, name=name, head=head, declare=declare)
    with ExitStack() as stack:
        kept = stack.enter_context(memory_file())
        kept.write(head)
        while part := stream.read(PART_BYTES):
            if kept.tell() + len(part) > MAX_SPOOLED_BYTES:
                raise AudioError(
                    f"{name} carries {kind} of more than {MAX_SPOOLED_BYTES >> 20} MiB, "
                    "which has to be in memory as a whole",
                    "Name the file instead, or pipe WAV",
                )
            kept.write(part)
        kept.seek(0)
        source = DecodedSource(kept, name)
        stack.pop_all()  # from here on the source closes it
        return source
